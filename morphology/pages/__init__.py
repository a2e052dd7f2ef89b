"""Researchers' and admins' pages."""
