"""Addresses of the volunteers' pages."""

from django.urls import URLPattern, path

from labelling.pages import voting
from labelling.pages.guide import guide_json, guide_picture
from labelling.pages.home import home
from labelling.pages.leaderboard import leaderboard_page
from labelling.pages.mine import mine
from labelling.pages.profile import profile
from labelling.pages.project import classify, project_page

urlpatterns: list[URLPattern] = [
    path("", home, name="home"),
    path("mine/", mine, name="mine"),
    path("mine/profile/", profile, name="profile"),
    path("projects/<slug:slug>/", project_page, name="project"),
    path("projects/<slug:slug>/leaderboard/", leaderboard_page, name="leaderboard"),
    path("projects/<slug:slug>/classify/", classify, name="classify"),
    path("projects/<slug:slug>/guide.json", guide_json, name="guide_json"),
    path("guide-pictures/<slug:sha256>", guide_picture, name="guide_picture"),
    path("projects/<slug:slug>/next/", voting.next_galaxy, name="next_galaxy"),
    path("classifications/", voting.classifications, name="classifications"),
    path("classifications/<uuid:uuid>/undo/", voting.undo_classification, name="undo_classification"),
    path("assignments/skip/", voting.skip_assignment, name="skip_assignment"),
    path("assignments/report/", voting.report_assignment, name="report_assignment"),
    path("assignments/return/", voting.return_assignment, name="return_assignment"),
    path("images/<slug:sha256>", voting.image, name="image"),
]
