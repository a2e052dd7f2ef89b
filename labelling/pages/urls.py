"""Addresses of the volunteers' pages."""

from django.urls import URLPattern, path

from labelling.pages import collections, moderation, tags, talk, translating, voting
from labelling.pages.galaxy import galaxy
from labelling.pages.guide import guide_json, guide_picture
from labelling.pages.home import home
from labelling.pages.leaderboard import leaderboard_page
from labelling.pages.mine import mine, my_days
from labelling.pages.profile import profile
from labelling.pages.project import classify, project_page

urlpatterns: list[URLPattern] = [
    path("", home, name="home"),
    path("mine/", mine, name="mine"),
    path("mine/days/", my_days, name="my_days"),
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
    path("subjects/<int:pk>/", galaxy, name="galaxy"),
    path("subjects/<int:pk>/talk.json", talk.talk, name="talk"),
    path("subjects/<int:pk>/tags/", talk.tag_subject, name="tag_subject"),
    path("subjects/<int:pk>/comments/", talk.comment_on_subject, name="comment_on_subject"),
    path("comments/<int:pk>/delete/", talk.delete_comment, name="delete_comment"),
    path("comments/<int:pk>/report/", talk.report_comment, name="report_comment"),
    path("comments/<int:pk>/moderate/", moderation.moderate_comment, name="moderate_comment"),
    path("projects/<slug:slug>/translate/", translating.languages, name="translations"),
    path("projects/<slug:slug>/translate/<slug:language>/", translating.translations, name="translate"),
    path("projects/<slug:slug>/moderation/", moderation.moderation, name="moderation"),
    path("projects/<slug:slug>/tags/", tags.tag_list, name="tags"),
    path("projects/<slug:slug>/tags.csv", tags.tags_csv, name="tags_csv"),
    path("projects/<slug:slug>/tags.json", talk.suggested_tags, name="suggested_tags"),
    path("projects/<slug:slug>/tags/<str:word>/", tags.tag_page, name="tag"),
    path("projects/<slug:slug>/tag-reports/", moderation.report_tag, name="report_tag"),
    path("projects/<slug:slug>/tag-verdicts/", moderation.moderate_tag, name="moderate_tag"),
    path("projects/<slug:slug>/collections/", collections.project_collections, name="project_collections"),
    path("favourites/", collections.favourites, name="favourites"),
    path("collections/", collections.own_collections, name="collections"),
    path("collections/<slug:key>/", collections.collection_page, name="collection"),
    path("collections/<slug:key>/change/", collections.change_collection, name="change_collection"),
    path("collections/<slug:key>/delete/", collections.delete_collection, name="delete_collection"),
    path("collections/<slug:key>/galaxies/", collections.collect, name="collect"),
    path("collections/<slug:key>/new-link/", collections.renew_link, name="renew_link"),
    path("collections/<slug:key>/withdraw/", collections.withdraw_collection, name="withdraw_collection"),
    path("images/<slug:sha256>", voting.image, name="image"),
]
