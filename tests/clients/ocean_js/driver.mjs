// Drives a server with the unmodified ocean.js: URL, DATASET, ALGORITHM, REPORT.
// What it saw goes to REPORT as JSON; the tests beside this folder say what it must have seen.
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { setTimeout as pause } from 'node:timers/promises'

const require = createRequire(import.meta.url)
const { ProviderInstance, LoggerInstance, LogLevel, downloadFile } = require('@oceanprotocol/lib')
const { Wallet } = require('ethers')

const CHAIN = 8996
const PATIENCE = 60_000 // milliseconds for a job to get where it is waited for
const INTERVAL = 100 // milliseconds between two questions
const SLOW = "import time\nprint('waiting', flush=True)\ntime.sleep(600)\n"
const HELLO =
  "import os\nopen(os.environ['OUTPUTS'] + '/hello.txt', 'w').write('hello')\nprint('hi')\n"
const CONTAINER = { entrypoint: 'python3 $ALGO', image: '', tag: '', checksum: '' }

const [url, dataset, algorithm, report] = process.argv.slice(2)
LoggerInstance.setLevel(LogLevel.None)

// A wallet without a node behind it: it knows its chain without asking one.
class Offline extends Wallet {
  async getChainId() {
    return CHAIN
  }
}

class Consumer {
  wallet = new Offline(Wallet.createRandom().privateKey)

  get address() {
    return this.wallet.address
  }

  async environment() {
    const environments = await ProviderInstance.getComputeEnvironments(url)
    return environments[CHAIN].find((one) => one.priceMin === 0)
  }

  async initialized(service, algo) {
    const environment = await this.environment()
    const asset = { documentId: dataset, serviceId: service }
    const untilHour = Math.floor(Date.now() / 1000) + 3600
    return ProviderInstance.initializeCompute(
      [asset], algo, environment.id, untilHour, url, environment.consumerAddress
    )
  }

  async startPublished(service) {
    const algo = { documentId: algorithm, serviceId: 'access' }
    const orders = await this.initialized(service, algo)
    return this.start(
      { documentId: dataset, serviceId: service, transferTxId: orders.datasets[0].validOrder },
      { ...algo, transferTxId: orders.algorithm.validOrder }
    )
  }

  async startRaw(code, service) {
    const meta = { rawcode: code, language: 'python', version: '1', container: CONTAINER }
    const order = '0x' + process.hrtime.bigint().toString(16)
    return this.start(
      { documentId: dataset, serviceId: service, transferTxId: order },
      { meta }
    )
  }

  async start(asset, algo) {
    const environment = await this.environment()
    const jobs = await ProviderInstance.computeStart(
      url, this.wallet, environment.id, asset, algo, null, []
    )
    return jobs && jobs[0]
  }

  async status(job) {
    const [found] = await ProviderInstance.computeStatus(url, this.address, job)
    return found
  }

  async reached(job, status) {
    const until = Date.now() + PATIENCE
    for (;;) {
      const found = await this.status(job)
      if (found.status >= status) return found
      if (Date.now() > until) throw new Error(`${job} is still at ${JSON.stringify(found)}`)
      await pause(INTERVAL)
    }
  }

  async result(job, index) {
    const link = await ProviderInstance.getComputeResultUrl(url, this.wallet, job, index)
    const { data, filename } = await downloadFile(link)
    return { filename, text: Buffer.from(data).toString('utf8') }
  }

  async stop(job) {
    return ProviderInstance.computeStop(dataset, this.address, job, url, this.wallet)
  }

  async delete(job) {
    return ProviderInstance.computeDelete(dataset, this.wallet, job, url)
  }
}

async function published(me) {
  const job = await me.startPublished('compute')
  const ended = await me.reached(job.jobId, 70)
  const names = ended.results.map((one) => one.filename)
  const summary = await me.result(job.jobId, names.indexOf('summary.json'))
  const log = await me.result(job.jobId, names.indexOf('algorithm.log'))
  const byOrder = await ProviderInstance.computeStatus(url, me.address, null, job.agreementId)
  const byDid = await ProviderInstance.computeStatus(url, me.address, null, dataset)
  return {
    status: ended.status,
    dateFinished: Number(ended.dateFinished),
    names,
    filename: summary.filename,
    summary: JSON.parse(summary.text),
    log: log.text,
    foundByOrder: byOrder.map((one) => one.jobId).includes(job.jobId),
    foundByDid: byDid.map((one) => one.jobId).includes(job.jobId)
  }
}

async function raw(me) {
  const job = await me.startRaw(HELLO, 'open')
  await me.reached(job.jobId, 70)
  const hello = await me.result(job.jobId, 0)
  const log = await me.result(job.jobId, 1)
  const [deleted] = await me.delete(job.jobId)
  const left = await ProviderInstance.computeStatus(url, me.address, job.jobId)
  return { hello: hello.text, log: log.text, deleted: deleted.status, left }
}

async function stopped(me) {
  const job = await me.startRaw(SLOW, 'open')
  await me.reached(job.jobId, 40)
  const [answer] = await me.stop(job.jobId)
  const ended = await me.reached(job.jobId, 70)
  const log = await me.result(job.jobId, 0)
  return {
    answer: answer.status,
    stopreq: ended.stopreq,
    status: ended.status,
    log: log.text,
    job: job.jobId
  }
}

async function refusal(call) {
  try {
    const answer = await call()
    return answer === null ? 'null' : `not refused: ${JSON.stringify(answer)}`
  } catch (error) {
    return String(error.message)
  }
}

async function refused(me, stranger, foreign) {
  const algo = { documentId: algorithm, serviceId: 'access' }
  const meta = { rawcode: HELLO, container: CONTAINER }
  return {
    'raw code': await refusal(() => me.initialized('compute', { meta })),
    'raw code started': await refusal(async () => (await me.startRaw(HELLO, 'compute')) ?? null),
    'untrusted algorithm': await refusal(() => me.initialized('open', algo)),
    'stranger stops': await refusal(() => stranger.stop(foreign)),
    'stranger deletes': await refusal(() => stranger.delete(foreign)),
    'stranger reads': await refusal(() => stranger.result(foreign, 0))
  }
}

const [me, stranger] = [new Consumer(), new Consumer()]
const seen = {
  valid: await ProviderInstance.isValidProvider(url),
  environment: await me.environment(),
  fileinfo: await ProviderInstance.checkDidFiles(dataset, 'compute', url),
  nonce: await ProviderInstance.getNonce(url, me.address),
  published: await published(me),
  raw: await raw(me),
  stopped: await stopped(me)
}
seen.refused = await refused(me, stranger, seen.stopped.job)
writeFileSync(report, JSON.stringify(seen, null, 1))
