# The same set-up as `make setup`, in an image: `docker build -t semblance .`
FROM python:3.11-slim AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/semblance

# Built apart, so that neither sources nor build tools lie in what serves.
FROM base AS build
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY service service
COPY models models
COPY index index
RUN pip wheel --wheel-dir /wheels .

# For importing and training encoders; the only stage with torch in it.
FROM base AS train
COPY --from=build /wheels /wheels
RUN pip install torch==2.13.0 \
 && pip install --find-links /wheels "$(echo /wheels/semblance-*.whl)[train]"
ENTRYPOINT ["semblance"]

# The service. Last, so that a plain `docker build .` makes it.
FROM base AS serve-cpu
COPY --from=build /wheels /wheels
RUN pip install --no-index --find-links /wheels semblance \
 && rm -r /wheels \
 && useradd --system --uid 10001 --no-create-home semblance \
 && install --directory --owner semblance --mode 0700 /data
USER semblance
VOLUME /data
# Beyond loopback the service does not start without keys: `keys add NAME` makes the file.
ENV SEMBLANCE_HOST=0.0.0.0 \
    SEMBLANCE_PORT=8080 \
    SEMBLANCE_DATA_DIR=/data \
    SEMBLANCE_KEYS_FILE=/data/keys.json \
    SEMBLANCE_SAMPLES=0
EXPOSE 8080
HEALTHCHECK --start-period=20s --interval=15s --timeout=6s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=5)"]
ENTRYPOINT ["semblance"]
CMD ["serve"]
