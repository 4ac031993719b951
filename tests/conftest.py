"""What holds for all tests."""

from hypothesis import settings

# No test is timed: a busy machine is not a failure. What else holds stays (in CI: no chance in it).
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")
