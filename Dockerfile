# The service in an image: `docker build --tag semblance .`; with CUDA: `--target serve-gpu`; to
# import and train encoders: `--target train`. `make container` proves serve-cpu without Docker.
# An index of your own: `--secret id=pip,src=pip.conf`; it is read while building, and not kept.
ARG BASE=python:3.11-slim
# The CUDA and cuDNN that onnxruntime-gpu is built for (its `cuda` extra names them).
ARG CUDA_BASE=nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04

FROM ${BASE} AS base
ENV PATH=/opt/semblance/bin:$PATH PYTHONUNBUFFERED=1

FROM scratch AS source
COPY pyproject.toml README.md LICENSE NOTICE /src/
COPY service /src/service
COPY models /src/models
COPY index /src/index

# One virtual environment, copied whole: what serves holds neither sources nor pip nor wheels, nor
# the tests and C headers that libraries carry (40 MB).
FROM base AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY --from=source /src ./
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python -m venv --without-pip /opt/semblance \
 && pip --python /opt/semblance/bin/python install ".[otel]" \
 && find /opt/semblance -type d '(' -name tests -o -name include ')' -prune -exec rm -r '{}' +

# For importing and training encoders; the only stage with torch in it.
FROM build AS train
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    pip --python /opt/semblance/bin/python install torch==2.13.0 \
 && pip --python /opt/semblance/bin/python install ".[train]" \
 && useradd --system --uid 10001 semblance \
 && install --directory --owner semblance /bundles
USER 10001
WORKDIR /bundles
ENV HOME=/bundles
ENTRYPOINT ["semblance"]

FROM ${CUDA_BASE} AS base-gpu
ENV PATH=/opt/semblance/bin:$PATH PYTHONUNBUFFERED=1
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-venv \
 && rm -r /var/lib/apt/lists/*

# The GPU's runtime and FAISS in the place of the CPU's: each pair is one Python package under two
# names, and both at once would overwrite each other's files. faiss-gpu brings CUDA 12 by itself.
FROM base-gpu AS build-gpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY --from=source /src ./
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python3 -m venv /opt/semblance \
 && pip install ".[otel]" \
 && pip uninstall --yes onnxruntime faiss-cpu \
 && pip install onnxruntime-gpu==1.31.1 faiss-gpu==1.15.1 \
 && pip uninstall --yes setuptools pip \
 && find /opt/semblance -type d '(' -name tests -o -name include ')' -prune -exec rm -r '{}' +

# The service on a GPU: `docker run --gpus all`. It refuses to start where CUDA does not work.
FROM base-gpu AS serve-gpu
COPY --from=build-gpu /opt/semblance /opt/semblance
ENV SEMBLANCE_PROVIDER=cuda
RUN useradd --system --uid 10001 --no-create-home semblance \
 && install --directory --owner semblance --mode 0700 /data
USER 10001
VOLUME /data
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

# The service. Last, so that a plain `docker build .` makes it.
FROM base AS serve-cpu
COPY --from=build /opt/semblance /opt/semblance
RUN useradd --system --uid 10001 --no-create-home semblance \
 && install --directory --owner semblance --mode 0700 /data
# By number, so that an orchestrator can tell that it is not root.
USER 10001
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
