# Three images from one file. They share all layers up to the last:
#   api       HTTP and migrations; nothing that computes
#   dispatch  the same with the statistics that conclude studies, no torch
#   worker    what trains; TORCH_INDEX chooses the build of torch
# To pin the base to the byte: --build-arg PYTHON_IMAGE=python@sha256:…
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /src
COPY pyproject.toml ./
COPY service service
COPY migrations migrations
COPY workers workers
RUN python -m pip wheel --no-cache-dir --disable-pip-version-check --no-deps --wheel-dir /wheels .

# What is installed, before any of our source: made again only when these two files change. The
# base's pip installs into a place that has none itself, so none comes along.
FROM ${PYTHON_IMAGE} AS packages-api
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore \
    PIP_CONSTRAINT=/src/requirements.lock
RUN python -m venv --without-pip /opt/subgrad
# For finish.sh, which takes out what debuggers read: it stays behind in these stages.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends binutils=2.40-2 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements.lock pyproject.toml ./
# More extras, joined by commas: traces, for example.
ARG EXTRAS=
RUN python -m pip --python /opt/subgrad/bin/python install ".${EXTRAS:+[$EXTRAS]}"

FROM packages-api AS packages-dispatch
RUN python -m pip --python /opt/subgrad/bin/python install '.[studies]'

FROM packages-api AS packages-worker
# Where pip looks for torch first, for example the index of a CUDA build.
ARG TORCH_INDEX=
RUN if [ -n "$TORCH_INDEX" ]; then python -m pip --python /opt/subgrad/bin/python install \
      --index-url "$TORCH_INDEX" torch; fi \
 && python -m pip --python /opt/subgrad/bin/python install '.[worker]'
# For the native kernel; the compiler stays behind in this stage.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends g++=4:12.2.0-3 \
 && rm -rf /var/lib/apt/lists/*

# Each image again: our own wheel, then byte code and times that are the same in every build.
FROM packages-api AS build-api
COPY deploy/image/finish.sh /
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels sh /finish.sh

FROM packages-dispatch AS build-dispatch
COPY deploy/image/finish.sh /
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels sh /finish.sh

FROM packages-worker AS build-worker
COPY deploy/image/finish.sh /
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels sh /finish.sh --with-kernel

FROM ${PYTHON_IMAGE} AS runtime
# A user without a home, a shell or a password; and the places where volumes are mounted, which
# take their owner from here.
RUN echo 'subgrad:x:10001:' >> /etc/group \
 && echo 'subgrad:x:10001:10001::/nonexistent:/usr/sbin/nologin' >> /etc/passwd \
 && install -d -o 10001 -g 10001 -m 0755 /var/lib/subgrad /var/lib/subgrad/datasets \
      /secrets/database /secrets/grafana /secrets/metrics \
 && rm -rf /usr/local/bin/pip* /usr/local/lib/python3.11/site-packages/pip* \
      /usr/local/lib/python3.11/site-packages/setuptools* \
      /usr/local/lib/python3.11/site-packages/wheel*
ENV PATH=/opt/subgrad/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    SUBGRAD_HOME=/var/lib/subgrad SUBGRAD_LOG_FORMAT=json
WORKDIR /var/lib/subgrad
USER 10001:10001

# The checks are patient: a machine with too much to do is no reason to call anything unwell.
FROM runtime AS worker
COPY --from=build-worker /opt/subgrad /opt/subgrad
HEALTHCHECK --interval=10s --timeout=20s --start-period=120s --retries=3 \
  CMD ["python", "-m", "service.pulse", "worker"]
CMD ["python", "-m", "workers"]

FROM runtime AS dispatch
COPY --from=build-dispatch /opt/subgrad /opt/subgrad
HEALTHCHECK --interval=10s --timeout=20s --start-period=120s --retries=3 \
  CMD ["python", "-m", "service.pulse", "dispatch"]
CMD ["python", "-m", "service.dispatch"]

# The default target.
FROM runtime AS api
COPY --from=build-api /opt/subgrad /opt/subgrad
ENV SUBGRAD_HOST=0.0.0.0
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=20s --start-period=120s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=10)"]
CMD ["python", "-m", "service.api"]
