"""Addresses of the volunteers' pages."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
