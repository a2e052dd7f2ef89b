"""Volunteers' pages."""
