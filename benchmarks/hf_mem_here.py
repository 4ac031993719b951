"""hf-mem against another Hub: `python hf_mem_here.py ENDPOINT [hf-mem's own arguments]`.

hf-mem has https://huggingface.co in its code. Its HTTP client is given another address here; not a
line of it is changed.
"""

import sys

import httpx2

ENDPOINT = httpx2.URL(sys.argv.pop(1))
PUBLIC = "huggingface.co"


class AsyncClient(httpx2.AsyncClient):
    """Builds requests for the public Hub as requests for ENDPOINT."""

    def build_request(self, method: str, url: httpx2.URL | str, **options: object) -> httpx2.Request:
        meant = httpx2.URL(url)
        if meant.host == PUBLIC:
            meant = meant.copy_with(scheme=ENDPOINT.scheme, host=ENDPOINT.host, port=ENDPOINT.port)
        return super().build_request(method, meant, **options)  # type: ignore[arg-type]


httpx2.AsyncClient = AsyncClient  # type: ignore[misc]

from hf_mem.cli import main  # noqa: E402 - sees the client of above

if __name__ == "__main__":
    main()
