# One image for web, worker and films; compose.yaml shows them.
FROM python:3.11-slim-bookworm AS build
RUN python -m venv /opt/venv
COPY requirements/runtime.txt /tmp/runtime.txt
RUN /opt/venv/bin/pip install --no-cache-dir \
    --no-deps --require-hashes --only-binary :all: --requirement /tmp/runtime.txt

FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/data \
    STATIC_ROOT=/app/staticfiles
RUN useradd --system --uid 10001 --home-dir /data dailies \
    && install --directory --owner=dailies --group=dailies /data
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY . .
# The key signs nothing: it only lets the settings load. Generated secrets go with the folder.
RUN SECRET_KEY=used-while-building-only DATA_DIR=/tmp/build \
    python manage.py collectstatic --no-input --verbosity 0 \
    && rm -rf /tmp/build \
    && python -m compileall -q .
USER dailies
VOLUME /data
EXPOSE 8000
# `up` touches the file while everything it runs works, each cluster's own heartbeat included.
HEALTHCHECK --interval=20s --timeout=5s --start-period=2m --retries=3 \
    CMD find /tmp/healthy -mmin -1 | grep -q .
# Pid 1 takes SIGTERM and passes it to the masters alone. By default it migrates and runs all roles;
# stopping them cleanly takes up to two minutes (`docker stop --time 130`).
STOPSIGNAL SIGTERM
CMD ["python", "manage.py", "up", "--host", "0.0.0.0", "--health-file", "/tmp/healthy"]
