# The server with the clients of Docker and Kubernetes: docker build -t compute-ref:0.1.0 .
FROM python:3.13-slim AS built
COPY . /source
RUN python -m venv /srv/compute-ref \
    && /srv/compute-ref/bin/pip install --no-cache-dir "/source[docker,kubernetes]"

FROM python:3.13-slim
COPY --from=built /srv/compute-ref /srv/compute-ref
ENV PATH=/srv/compute-ref/bin:$PATH
USER 10001:10001
EXPOSE 8030
CMD ["compute-ref", "serve"]
