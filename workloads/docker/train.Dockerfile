# Every stage but serving: ingest, preprocess, train, evaluate, publish, predict, report.
#   podman build -f workloads/docker/train.Dockerfile -t localhost/forebay/train:dev .
# BASE and requirements/local/ are explained in operator/Dockerfile and docs/images.md.
# torch comes from a wheel in requirements/local/, else from TORCH_INDEX: PyTorch's own index of CPU builds.
ARG BASE=python:3.11-slim

FROM ${BASE} AS tools
# requirements/local/ holds what only this machine knows (a pip.conf, a CA, wheels); nothing of it reaches the last stage.
ENV PIP_CONFIG_FILE=/requirements/local/pip.conf PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/local/ /requirements/local/
RUN python3 -m venv /tools && python3 -m venv --without-pip /opt/venv

# torch is no part of the lock: which build is right depends on the machine. TORCH may carry a hash ("torch==… --hash=…").
FROM tools AS torch
ARG TORCH=torch==2.13.0
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN echo "$TORCH" > /requirements/torch.txt \
 && if ls /requirements/local/torch-*.whl; then from="--no-index --find-links /requirements/local"; else from="--index-url $TORCH_INDEX"; fi \
 && /tools/bin/pip --python /opt/venv/bin/python install --no-compile --no-deps --prefix /torch $from -r /requirements/torch.txt
# Left out (measured): C headers, 62 MB, as no compiler is here, and what some builds carry for torch's own tests, 130 MB.
RUN cd /torch/lib/python3*/site-packages/torch \
 && rm -rf include test bin/*test* bin/*Test* bin/protoc* \
 && python3 -I -m compileall -q -j 0 --invalidation-mode unchecked-hash -x '/testing/' -s /torch -p /opt/venv /torch/lib

FROM tools AS dependencies
COPY requirements/train.txt /requirements/
RUN /tools/bin/pip --python /opt/venv/bin/python install --no-compile --no-deps --require-hashes -r /requirements/train.txt
# Left out (measured): packages' own tests, 70 MB with their data, and C headers; the import shows that nothing needs them.
RUN cd /opt/venv/lib/python3*/site-packages \
 && find . -depth -type d \( -name tests -o -path ./onnx/backend/test -o -path ./pyarrow/include \) -exec rm -r {} + \
 && python3 -I -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib \
 && /opt/venv/bin/python -IB -c 'import bson, cassandra.cluster, confluent_kafka, duckdb, fastavro, onnx, onnxruntime, pyarrow.compute, pyarrow.csv, pyarrow.parquet, pymongo, safetensors, sympy'

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
COPY --from=torch /torch /opt/venv
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=code /forebay /opt/venv
# Only /tmp can be written to; it is the home of whatever wants one.
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    ORT_DISABLE_TELEMETRY=1
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["forebay-stage"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Forebay train" \
      org.opencontainers.image.description="Runs the stages of a pipeline: ingest, preprocess, train, evaluate, publish, predict, report" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="https://github.com/forebay/forebay" \
      org.opencontainers.image.licenses="Apache-2.0"
