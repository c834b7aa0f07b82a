"use strict";
// The journey of tests/clients/README.md, with @grpc/grpc-js.

const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { isDeepStrictEqual, parseArgs } = require("node:util");

const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
const protobuf = require("protobufjs");

const PROTO = path.resolve(__dirname, "../../../proto");
const SERVICES = ["profile", "interaction", "segmentation", "feedback"];
const TIMEOUT_MS = 60_000;

/** What a service answered is not what the contract promises. */
class Mismatch extends Error {}

function expect(what, actual, wanted) {
  if (!isDeepStrictEqual(actual, wanted)) {
    throw new Mismatch(
      `${what}: expected ${JSON.stringify(wanted)}, the suite answered ${JSON.stringify(actual)}`,
    );
  }
  console.log(`ok: ${what}`);
}

/** Reads every service of the contract; grpc-js makes its stubs from this at run time. */
function load() {
  const files = fs
    .readdirSync(path.join(PROTO, "dossier"), { recursive: true })
    .filter((file) => file.endsWith("_service.proto"))
    .map((file) => path.join("dossier", file));
  const settings = { includeDirs: [PROTO], keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };
  return grpc.loadPackageDefinition(loader.loadSync(files, settings)).dossier;
}

// The three messages of google.rpc that a refusal is made of.
const rpc = protobuf.parse(`
  syntax = "proto3"; package google.rpc;
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
  message BadRequest { repeated FieldViolation field_violations = 1; }
  message FieldViolation { string field = 1; string description = 2; }
`).root;

/** The status code, the ErrorInfo and the violated fields of a failed call. */
function decodeRefusal(error) {
  const refusal = { code: error.code, reason: undefined, domain: undefined, fields: [] };
  const [bytes] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (!bytes) return refusal;
  for (const detail of rpc.lookupType("google.rpc.Status").decode(bytes).details) {
    const name = detail.typeUrl.split("/").pop();
    if (name === "google.rpc.ErrorInfo") {
      const { reason, domain } = rpc.lookupType(name).decode(detail.value);
      Object.assign(refusal, { reason, domain });
    }
    if (name === "google.rpc.BadRequest") {
      const { fieldViolations } = rpc.lookupType(name).decode(detail.value);
      refusal.fields = fieldViolations.map((violation) => violation.field);
    }
  }
  return refusal;
}

/** One client per service of the contract; every call carries the token. */
class Suite {
  constructor(addresses, token) {
    const dossier = load();
    const client = (service, name) =>
      new dossier[service].v1[name](addresses[service], grpc.credentials.createInsecure());
    this.token = token;
    this.customers = client("profile", "CustomerService");
    this.interactions = client("interaction", "InteractionService");
    this.segments = client("segmentation", "SegmentService");
    this.progress = client("segmentation", "ProgressService");
    this.surveys = client("feedback", "SurveyService");
    this.cases = client("feedback", "CaseService");
  }

  metadata() {
    const metadata = new grpc.Metadata();
    if (this.token) metadata.set("authorization", `Bearer ${this.token}`);
    return metadata;
  }

  options() {
    return { deadline: Date.now() + TIMEOUT_MS };
  }

  ask(client, method, request, metadata = this.metadata()) {
    return new Promise((resolve, reject) => {
      client[method](request, metadata, this.options(), (error, answer) =>
        error ? reject(error) : resolve(answer),
      );
    });
  }

  async refusal(client, method, request, metadata) {
    try {
      await this.ask(client, method, request, metadata);
    } catch (error) {
      return decodeRefusal(error);
    }
    throw new Mismatch(`${method} must be refused and was accepted`);
  }

  /** Sends every request of a bidirectional stream and collects every answer. */
  async exchange(client, method, requests) {
    const call = client[method](this.metadata(), this.options());
    for (const request of requests) call.write(request);
    call.end();
    const answers = [];
    for await (const answer of call) answers.push(answer);
    return answers;
  }
}

class Journey {
  constructor(suite) {
    this.suite = suite;
    this.run = crypto.randomUUID().slice(0, 8);
  }

  async go() {
    await this.importCustomers();
    const customer = await this.readFile();
    const [segment, watch] = await this.defineSegment();
    await this.recordPurchases(customer);
    await this.seeEnter(segment, watch, customer);
    await this.answerSurvey(customer);
    await this.closeCase(customer);
    await this.beRefused();
  }

  key(number) {
    return { external_id: { namespace: "journey", value: `${this.run}-${number}` } };
  }

  async importCustomers() {
    const rows = ["external_id.journey,given_name,family_name,email,region_code,tags"];
    for (const n of [0, 1, 2]) {
      rows.push(`${this.run}-${n},小明${n},王,ming.${this.run}.${n}@example.com,CN,vip;${this.run}`);
    }
    rows.push(`${this.run}-bad,Nobody,Known,not-an-address,CN,`);
    const file = Buffer.from(`${rows.join("\r\n")}\r\n`);
    const middle = Math.floor(file.length / 2);
    const answers = await this.suite.exchange(this.suite.customers, "ImportCustomers", [
      { header: { format: "IMPORT_FORMAT_CSV" } },
      { chunk: file.subarray(0, middle) },
      { chunk: file.subarray(middle) },
    ]);
    const errors = answers.filter((answer) => answer.part === "row_error").map((answer) => answer.row_error);
    const { summary } = answers.at(-1);
    expect("import: rows read", summary.row_count, "4");
    expect("import: customers made", summary.created_count, "3");
    expect("import: row and column of the bad e-mail", errors.map((e) => [e.row, e.column]), [["4", "email"]]);
    this.cursor = summary.cursor;
  }

  async readFile() {
    const { suite } = this;
    const keys = [this.key(0), this.key("nobody")];
    const { results } = await suite.ask(suite.customers, "LookupCustomers", { keys });
    expect("lookup: a miss is an empty name", results[1].customer, "");
    const name = results[0].customer;
    const customer = await suite.ask(suite.customers, "GetCustomer", { name });
    expect("file: name", customer.name, name);
    expect("file: given name", customer.given_name, "小明0");
    expect("file: e-mail", customer.contact_points[0].value, `ming.${this.run}.0@example.com`);
    expect("file: tags", [...customer.tags].sort(), ["vip", this.run].sort());
    return name;
  }

  async defineSegment() {
    const { suite } = this;
    const request = {
      segment: {
        display_name: `Journey ${this.run}`,
        rule: `tags:"${this.run}" AND count(purchase) >= 2 AND sum(purchase.amount, "USD") >= 50`,
      },
      request_id: crypto.randomUUID(),
    };
    const made = await suite.ask(suite.segments, "CreateSegment", request);
    const again = await suite.ask(suite.segments, "CreateSegment", request);
    expect("segment: the same request id gives the same answer", again.name, made.name);
    await suite.ask(suite.progress, "AwaitProgress", { cursors: { profile: this.cursor } });
    const watch = suite.segments.WatchMemberships(
      { include_snapshot: true, segment: made.name },
      suite.metadata(),
      suite.options(),
    );
    await new Promise((resolve, reject) => watch.once("metadata", resolve).once("error", reject));
    return [made.name, watch];
  }

  purchase(event, cents) {
    return {
      source: "journey",
      event_id: `${this.run}-${event}`,
      kind: "INTERACTION_KIND_PURCHASE",
      occur_time: { seconds: 1_760_000_000 + event },
      purchase: {
        amount: { currency_code: "USD", units: Math.floor(cents / 100), nanos: (cents % 100) * 10_000_000 },
        quantity: 1,
      },
    };
  }

  async recordPurchases(customer) {
    const { suite } = this;
    const recorded = await suite.ask(suite.interactions, "RecordInteraction", {
      interaction: this.purchase(0, 2933),
      customer_key: this.key(0),
      request_id: crypto.randomUUID(),
    });
    expect("purchase: found by external id", recorded.interaction.customer, customer);

    const items = [[1, 1], [2, 1], [3, 2]].map(([position, event]) => ({
      position,
      interaction: this.purchase(event, 2973),
      customer_key: this.key(0),
    }));
    const answers = await suite.exchange(suite.interactions, "IngestInteractions", items);
    const results = answers.flatMap((answer) => answer.results);
    expect("ingest: every position acknowledged in order", results.map((r) => r.position), ["1", "2", "3"]);
    // Which of the two came first is the database's to say when they commit at the same time.
    expect("ingest: an event sent twice is one", results[0].name, results[1].name);
    expect("ingest: its duplicate is told", results.map((r) => r.duplicate).sort(), [false, false, true]);

    const timeline = { customer, filter: "kind = PURCHASE" };
    const page = await suite.ask(suite.interactions, "ListInteractions", timeline);
    const wanted = [2, 1, 0].map((event) => `${this.run}-${event}`);
    expect("timeline: newest first", page.interactions.map((one) => one.event_id), wanted);
    const summary = await suite.ask(suite.interactions, "GetActivitySummary", { customer });
    const totals = summary.purchase_totals.map((m) => [m.currency_code, m.units, m.nanos]);
    expect("summary: exact total", totals, [["USD", "88", 790_000_000]]);
  }

  async seeEnter(segment, watch, customer) {
    const change = await new Promise((resolve, reject) => {
      watch.on("data", (message) => message.item === "change" && resolve(message.change));
      watch.on("end", () => reject(new Mismatch("the watch stream ended without ENTER")));
      watch.on("error", reject);
    });
    watch.removeAllListeners("error").on("error", () => {}); // What cancelling answers.
    watch.cancel();
    const seen = [change.segment, change.customer, change.transition];
    expect("watch: ENTER", seen, [segment, customer, "TRANSITION_ENTER"]);
    const { suite } = this;
    const checked = await suite.ask(suite.segments, "CheckMembership", { customer, segments: [segment] });
    expect("membership: checked", checked.checks.map((check) => check.member), [true]);
  }

  async answerSurvey(customer) {
    const { suite } = this;
    const survey = {
      display_name: `Journey ${this.run}`,
      questions: [
        {
          question_id: "recommend",
          type: "QUESTION_TYPE_NPS",
          text: "How likely are you to recommend us?",
          required: true,
        },
        { question_id: "why", type: "QUESTION_TYPE_TEXT", text: "Why?" },
      ],
    };
    const { name } = await suite.ask(suite.surveys, "CreateSurvey", { survey });
    await suite.ask(suite.surveys, "PublishSurvey", { name });
    const invitation = await suite.ask(suite.surveys, "CreateInvitation", { survey: name, customer });
    const request = {
      invitation: invitation.name,
      answers: [
        { question_id: "recommend", score: 9 },
        { question_id: "why", text: "快递很快" },
      ],
    };
    const first = await suite.ask(suite.surveys, "SubmitResponse", request);
    const second = await suite.ask(suite.surveys, "SubmitResponse", request);
    expect("survey: submitted twice, answered once", second.name, first.name);
    const report = await suite.ask(suite.surveys, "GetSurveyReport", { survey: name });
    expect("survey: responses", report.response_count, "1");
    expect("survey: NPS of one promoter", report.questions[0].score, 100);
  }

  async closeCase(customer) {
    const { suite } = this;
    const opened = { customer, type: "CASE_TYPE_COMPLAINT", subject: "包装破损" };
    const { name } = await suite.ask(suite.cases, "OpenCase", { case: opened });
    await suite.ask(suite.cases, "ResolveCase", { name, resolution: "A new parcel was sent." });
    const refused = await suite.refusal(suite.cases, "CloseCase", { name });
    const wanted = [grpc.status.FAILED_PRECONDITION, "FAILED_PRECONDITION"];
    expect("case: not closed unanswered", [refused.code, refused.reason], wanted);
    await suite.ask(suite.cases, "ReplyToCase", { name, text: "We are sorry; a new parcel is on its way." });
    const closed = await suite.ask(suite.cases, "CloseCase", { name });
    expect("case: closed after the reply", closed.state, "CASE_STATE_CLOSED");
  }

  async beRefused() {
    const { suite } = this;
    const customer = {
      type: "CUSTOMER_TYPE_PERSON",
      display_name: "Nobody",
      region_code: "China",
      contact_points: [{ type: "CONTACT_POINT_TYPE_EMAIL", value: "nobody" }],
    };
    const refused = await suite.refusal(suite.customers, "CreateCustomer", { customer });
    expect("refused: code", refused.code, grpc.status.INVALID_ARGUMENT);
    expect("refused: reason and domain", [refused.reason, refused.domain], ["INVALID_ARGUMENT", "dossier"]);
    const fields = ["customer.contact_points[0].value", "customer.region_code"];
    expect("refused: every field at once", [...refused.fields].sort(), fields);

    const filter = { filter: 'shoe_size = "43"' };
    const unknown = await suite.refusal(suite.customers, "ListCustomers", filter);
    const invalid = [grpc.status.INVALID_ARGUMENT, "INVALID_FILTER"];
    expect("refused filter: reason", [unknown.code, unknown.reason], invalid);
    expect("refused filter: field", unknown.fields, ["filter"]);

    if (suite.token) {
      const stranger = await suite.refusal(suite.customers, "ListCustomers", {}, new grpc.Metadata());
      const wanted = [grpc.status.UNAUTHENTICATED, "UNAUTHENTICATED"];
      expect("no token", [stranger.code, stranger.reason], wanted);
    }
  }
}

async function main() {
  const text = { type: "string" };
  const { values } = parseArgs({
    options: {
      address: { ...text, default: "127.0.0.1:50050" },
      token: { ...text, default: "" },
      ...Object.fromEntries(SERVICES.map((service) => [service, text])),
    },
  });
  const addresses = Object.fromEntries(SERVICES.map((name) => [name, values[name] ?? values.address]));
  await new Journey(new Suite(addresses, values.token)).go();
  console.log("the journey is complete");
}

main().then(
  () => process.exit(0),
  (error) => {
    if (error instanceof Mismatch) {
      console.error(`mismatch: ${error.message}`);
    } else if (error.code !== undefined && error.metadata) {
      const { reason, fields } = decodeRefusal(error);
      console.error(`mismatch: a call failed: ${error.message} ${reason} ${JSON.stringify(fields)}`);
    } else {
      console.error(error);
    }
    process.exit(1);
  },
);
