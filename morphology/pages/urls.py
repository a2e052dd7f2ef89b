"""Addresses of the researchers' and admins' pages."""

from django.urls import URLPattern, path

from morphology.pages import encoder, exports, images, manage, model, privacy, research, retirement, state, volunteers

urlpatterns: list[URLPattern] = [
    path("research/", research.research, name="research"),
    path("research/new/", research.new_project, name="new_project"),
    path("research/<slug:slug>/", state.state, name="state"),
    path("research/<slug:slug>/jobs/", state.jobs, name="jobs"),
    path("research/<slug:slug>/live/", state.go_live, name="go_live"),
    path("research/<slug:slug>/cycle/", state.ask_cycle, name="ask_cycle"),
    path("research/<slug:slug>/adapt/", encoder.ask_adaptation, name="ask_adaptation"),
    path("research/<slug:slug>/tune/", encoder.ask_tuning, name="ask_tuning"),
    path("research/<slug:slug>/galaxies/", state.add_galaxies, name="add_galaxies"),
    path("research/<slug:slug>/rules/", state.rules, name="rules"),
    path("research/<slug:slug>/retirement/", retirement.retirement, name="retirement"),
    path("research/<slug:slug>/images/", images.images, name="reported_images"),
    path("research/<slug:slug>/images/<int:pk>/", images.settle_image, name="settle_image"),
    path("research/<slug:slug>/export/", exports.ask_export, name="ask_export"),
    path("research/<slug:slug>/rejects/<int:pk>/", exports.rejects, name="rejects"),
    path("research/<slug:slug>/models/<int:number>/", model.model, name="model"),
    path("research/<slug:slug>/models/<int:number>/report.json", model.model_report, name="model_report"),
    path("releases/<int:pk>/", exports.release, name="release"),
    path("privacy/", privacy.privacy, name="privacy"),
    path("account/privacy/", privacy.my_data, name="my_data"),
    path("account/export/", privacy.export, name="export_my_data"),
    path("account/delete/", privacy.delete, name="delete_my_account"),
    path("manage/", manage.manage, name="manage"),
    path("manage/volunteers/", volunteers.suspicions, name="suspicions"),
    path("manage/volunteers/<int:pk>/", volunteers.volunteer, name="volunteer"),
    path("manage/set-aside/", volunteers.set_asides, name="set_asides"),
    path("research/<slug:slug>/volunteers/", volunteers.project_suspicions, name="project_suspicions"),
    path("research/<slug:slug>/volunteers/<int:pk>/", volunteers.project_volunteer, name="project_volunteer"),
    path("suspicions/<int:pk>/review/", volunteers.review, name="review_suspicion"),
    path("volunteers/<int:pk>/set-aside/", volunteers.ask_set_aside, name="ask_set_aside"),
    path("volunteers/<int:pk>/take-up-again/", volunteers.ask_take_up_again, name="ask_take_up_again"),
    path("models/<int:pk>/roll-back/", manage.ask_roll_back, name="ask_roll_back"),
    path("jobs/<int:pk>/cancel/", manage.ask_cancel, name="ask_cancel"),
]
