# Two images from one file: `api` (API, dispatch, migration; no torch) and `worker`.
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build-api
WORKDIR /src
RUN python -m venv /opt/subgrad
COPY requirements.lock pyproject.toml ./
COPY service service
COPY migrations migrations
COPY workers workers
RUN /opt/subgrad/bin/pip install --no-cache-dir --disable-pip-version-check -c requirements.lock .

FROM build-api AS build-worker
# Where pip looks for torch first, for example the index of a CUDA build.
ARG TORCH_INDEX=
RUN if [ -n "$TORCH_INDEX" ]; then /opt/subgrad/bin/pip install --no-cache-dir \
      --disable-pip-version-check -c requirements.lock --index-url "$TORCH_INDEX" torch; fi
RUN /opt/subgrad/bin/pip install --no-cache-dir --disable-pip-version-check -c requirements.lock '.[worker]'
# The native kernel for every CPU it is written for; the compiler stays behind in this stage.
RUN apt-get update && apt-get install --yes --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
RUN cd / && /opt/subgrad/bin/python -m workers.training.native --all

FROM ${PYTHON_IMAGE} AS runtime
RUN groupadd --system --gid 10001 subgrad \
 && useradd --system --uid 10001 --gid subgrad --home-dir /nonexistent --shell /usr/sbin/nologin subgrad
ENV PATH=/opt/subgrad/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    SUBGRAD_LOG_FORMAT=json
WORKDIR /
USER subgrad

FROM runtime AS worker
COPY --from=build-worker /opt/subgrad /opt/subgrad
CMD ["python", "-m", "workers"]

# The default target.
FROM runtime AS api
COPY --from=build-api /opt/subgrad /opt/subgrad
ENV SUBGRAD_HOST=0.0.0.0
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=5 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["python", "-m", "service.api"]
