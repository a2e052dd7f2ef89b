# A worker: the whole of Voorwerp with torch, whose Linux wheels bring CUDA; the host brings the driver (NVIDIA's
# container toolkit), and without one torch computes on the CPU. Context: the repository's root.
FROM python:3.12-slim

# Three workers share the cores: a thread of torch that waits must not spin (OMP_WAIT_POLICY).
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 OMP_WAIT_POLICY=PASSIVE VOORWERP_DATA=/data
RUN useradd --uid 10001 --create-home voorwerp && install -d -o voorwerp -g voorwerp /data
WORKDIR /app

# Web and worker parts of the one pinned list; not the demo's servers, not the tests' tools.
COPY requirements.txt ./
RUN sed '/^# demo$/,$d' requirements.txt > worker.txt && pip install -r worker.txt && rm worker.txt

COPY manage.py LICENSE ./
COPY templates ./templates
COPY locale ./locale
COPY ml ./ml
COPY labelling ./labelling
COPY morphology ./morphology

USER voorwerp
VOLUME /data
CMD ["celery", "-A", "morphology", "worker", "--pool", "threads", "-c", "4", "--loglevel", "info", "-Q", "quick"]
