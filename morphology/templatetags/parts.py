"""Parts of a whole in templates."""

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext

register = template.Library()


@register.filter
def percent(part: float) -> str:
    """0.724 as 72 %."""
    return gettext("%(number)s %%") % {"number": number_format(round(100 * part), 0)}
