"""hf-mem against another Hub: `python hf_mem_here.py ENDPOINT [hf-mem's own arguments]`.

hf-mem has https://huggingface.co in its code. Its HTTP client is given another address here; not a
line of it is changed.
"""

import sys

import httpx2
from hf_mem.cli import main

PUBLIC = "huggingface.co"


def redirect(endpoint: str) -> None:
    """Let every client that is made from now on take requests to the public Hub to `endpoint`."""
    here = httpx2.URL(endpoint)

    class AsyncClient(httpx2.AsyncClient):
        def build_request(
            self, method: str, url: httpx2.URL | str, **options: object
        ) -> httpx2.Request:
            meant = httpx2.URL(url)
            if meant.host == PUBLIC:
                meant = meant.copy_with(scheme=here.scheme, host=here.host, port=here.port)
            return super().build_request(method, meant, **options)  # type: ignore[arg-type]

    httpx2.AsyncClient = AsyncClient  # type: ignore[misc]


if __name__ == "__main__":
    redirect(sys.argv.pop(1))
    main()
