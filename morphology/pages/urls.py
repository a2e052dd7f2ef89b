"""Addresses of the researchers' and admins' pages."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
