"""What gunicorn writes down, without the addresses of visitors: `--logger-class morphology.weblog.AddresslessLogger`.

It keeps no list of requests unless it is told to. The one line with an address is about a request that is no HTTP.
"""

import re
from typing import Any

from gunicorn.glogging import Logger

_ADDRESS = re.compile(r"\bip=\S+?(?=: )")


class AddresslessLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's, which says of a broken request what was wrong with it, and not who sent it."""

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Write a warning, an address in it left out."""
        super().warning(_ADDRESS.sub("ip=(not kept)", msg), *args, **kwargs)
