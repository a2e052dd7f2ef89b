"""How a comment is shown: as plain text, in which http and https links can be followed."""

import re

from django import template
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

_LINK = re.compile(r"https?://[^\s<>\"'`\u2018-\u201f]+", re.IGNORECASE)
_NOT_ITS_END = ".,;:!?*_)]}"


@register.filter
def linked(text: str) -> SafeString:
    """The text escaped, its links as such: they lend no standing, and tell the other site nothing of this one."""
    parts, rest = [], 0
    for found in _LINK.finditer(text):
        address = _without_punctuation(found.group())
        parts += [escape(text[rest : found.start()]), _link(address)]
        rest = found.start() + len(address)
    return mark_safe("".join([*parts, escape(text[rest:])]))  # each part is escaped


def _without_punctuation(address: str) -> str:
    """The address without what ends the sentence around it; a bracket that was opened within it stays."""
    while address and address[-1] in _NOT_ITS_END and not (address[-1] == ")" and "(" in address):
        address = address[:-1]
    return address


def _link(address: str) -> str:
    if "://" not in address:  # "http://." and the like: no address is left
        return escape(address)
    return format_html('<a href="{}" rel="nofollow ugc noopener noreferrer" target="_blank">{}</a>', address, address)
