# The serving pod: BentoML and ONNX Runtime, no torch.
#   podman build -f workloads/docker/serve.Dockerfile -t localhost/forebay/serve:dev .
# BASE and requirements/local/ are explained in operator/Dockerfile and docs/images.md.
ARG BASE=python:3.11-slim

FROM ${BASE} AS tools
# requirements/local/ holds what only this machine knows (a pip.conf, a CA, wheels); nothing of it reaches the last stage.
ENV PIP_CONFIG_FILE=/requirements/local/pip.conf PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/local/ /requirements/local/
RUN python3 -m venv /tools && python3 -m venv --without-pip /opt/venv

FROM tools AS dependencies
COPY requirements/serve.txt /requirements/
RUN /tools/bin/pip --python /opt/venv/bin/python install --no-compile --no-deps --require-hashes -r /requirements/serve.txt
# Left out (measured): packages' own tests and C headers, 30 MB, and Arrow's Flight, 33 MB; the import shows that nothing needs them.
RUN cd /opt/venv/lib/python3*/site-packages \
 && find . -depth -type d \( -name tests -o -path ./pyarrow/include \) -exec rm -r {} + \
 && rm pyarrow/*flight* \
 && python3 -I -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib \
 && /opt/venv/bin/python -IB -c 'import bentoml, bson, cassandra.cluster, confluent_kafka, onnxruntime, pyarrow.compute, pyarrow.csv, pyarrow.parquet, pymongo, uvicorn'

FROM tools AS code
COPY requirements/build.txt /requirements/
RUN /tools/bin/pip install --no-compile --no-deps --require-hashes -r /requirements/build.txt
COPY LICENSE /src/
COPY workloads/pyproject.toml workloads/README.md /src/workloads/
COPY workloads/src/ /src/workloads/src/
RUN /tools/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /wheels /src/workloads \
 && /tools/bin/pip --python /opt/venv/bin/python install --no-compile --no-index --no-deps --prefix /forebay /wheels/*.whl \
 && python3 -I -m compileall -q --invalidation-mode unchecked-hash -s /forebay -p /opt/venv /forebay/lib

FROM ${BASE}
RUN echo 'forebay:x:10001:10001::/tmp:/usr/sbin/nologin' >> /etc/passwd && echo 'forebay:x:10001:' >> /etc/group
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=code /forebay /opt/venv
# Only /tmp can be written to; it is the home of whatever wants one.
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    BENTOML_HOME=/tmp/bentoml BENTOML_DO_NOT_TRACK=True ORT_DISABLE_TELEMETRY=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 3000
ENTRYPOINT ["forebay-serve"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Forebay serve" \
      org.opencontainers.image.description="Serves one version of a model: BentoML and the open inference protocol" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="https://github.com/forebay/forebay" \
      org.opencontainers.image.licenses="Apache-2.0"
