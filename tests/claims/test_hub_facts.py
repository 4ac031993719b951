from auditor.claims import hub_facts, hub_findings
from auditor.core.claims import ClaimSource, Published, Scope
from auditor.core.repository import HubFacts, Origin, Repository


def published(facts: HubFacts | None) -> Published:
    repository = Repository(
        repo_id="example/model",
        requested="example/model",
        revision="main",
        commit="0" * 40,
        origin=Origin.HUB,
        files=(),
        hub=facts,
    )
    return Published(repository=repository)


def test_the_total_of_the_hub_is_an_exact_claim() -> None:
    (claim,) = hub_facts.read(published(HubFacts(total=110_106_428)))
    assert (claim.quantity.value, claim.scope, claim.source) == (
        110_106_428,
        Scope.TOTAL,
        ClaimSource.HUB,
    )
    assert claim.quantity.looks_exact
    assert claim.text == "110,106,428"


def test_a_model_of_which_the_hub_says_nothing_has_no_claim() -> None:
    assert hub_facts.read(published(None)) == ()
    assert hub_facts.read(published(HubFacts())) == ()
    assert hub_facts.read(published(HubFacts(total=0))) == ()
    assert hub_facts.read(published(HubFacts(total=-1))) == ()


def test_a_total_that_is_the_sum_of_its_parts_is_no_finding() -> None:
    assert hub_findings(HubFacts(total=30, parameters={"F32": 10, "BF16": 20})) == ()
    assert hub_findings(HubFacts(total=30)) == ()
    assert hub_findings(None) == ()


def test_a_total_that_is_not_the_sum_of_its_parts_is_a_finding_with_both_numbers() -> None:
    # 3,072 + 32,913,263,168 = 32,913,266,240; less 31,577,937,344 = 1,335,328,896
    facts = HubFacts(total=31_577_937_344, parameters={"F32": 3_072, "BF16": 32_913_263_168})
    (finding,) = hub_findings(facts)
    assert finding.code == "hub-total-inconsistent"
    assert finding.message == (
        "the Hub says 31,577,937,344 in all, and 32,913,266,240 by dtype"
        " (F32 3,072, BF16 32,913,263,168): 1,335,328,896 apart"
    )
