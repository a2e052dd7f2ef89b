# The web, and all that needs no torch: pages, migrations, the schedule. Context: the repository's root.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 VOORWERP_DATA=/data
RUN useradd --uid 10001 --create-home voorwerp && install -d -o voorwerp -g voorwerp /data
WORKDIR /app

# The first part of the one pinned list, so that this image has the versions the tests ran with, and no torch.
COPY requirements.txt ./
RUN sed '/^# worker$/,$d' requirements.txt > web.txt && pip install -r web.txt && rm web.txt

COPY manage.py LICENSE ./
COPY templates ./templates
COPY locale ./locale
COPY ml ./ml
COPY labelling ./labelling
COPY morphology ./morphology

USER voorwerp
VOLUME /data
EXPOSE 8000
CMD ["gunicorn", "morphology.wsgi:application", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4", "--worker-class", "gthread", "--no-control-socket", "--logger-class", "morphology.weblog.AddresslessLogger"]
