"""The journey of tests/clients/README.md, with grpcio."""

import argparse
import importlib
import pathlib
import sys
import tempfile
import uuid

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2
from grpc_tools import protoc

PROTO = pathlib.Path(__file__).resolve().parents[3] / "proto"
TIMEOUT = 60
SERVICES = ["profile", "interaction", "segmentation", "feedback"]


class Mismatch(Exception):
    """What a service answered is not what the contract promises."""


def expect(what, actual, wanted):
    if actual != wanted:
        raise Mismatch(f"{what}: expected {wanted!r}, the suite answered {actual!r}")
    print(f"ok: {what}")


def generate(folder):
    """Generates the stubs of every proto file into `folder` and makes them importable."""
    files = sorted(str(path.relative_to(PROTO)) for path in PROTO.glob("dossier/**/*.proto"))
    well_known = str(pathlib.Path(protoc.__file__).parent / "_proto")
    arguments = ["protoc", f"-I{PROTO}", f"-I{well_known}"]
    arguments += [f"--python_out={folder}", f"--grpc_python_out={folder}", *files]
    if protoc.main(arguments) != 0:
        raise Mismatch("the stubs cannot be generated from proto/")
    sys.path.insert(0, folder)


def load(module):
    return importlib.import_module(f"dossier.{module}")


class Suite:
    """One channel per service; every call carries the token."""

    def __init__(self, addresses, token):
        self.channels = {name: grpc.insecure_channel(addresses[name]) for name in SERVICES}
        self.metadata = [("authorization", f"Bearer {token}")] if token else []

    def stub(self, service, module, name):
        stubs = load(f"{service}.v1.{module}_service_pb2_grpc")
        return getattr(stubs, f"{name}Stub")(self.channels[service])

    def ask(self, method, request):
        return method(request, metadata=self.metadata, timeout=TIMEOUT)

    def refusal(self, method, request, metadata=None):
        """The status code, the ErrorInfo and the violated fields of a call that must fail."""
        try:
            method(request, metadata=self.metadata if metadata is None else metadata, timeout=TIMEOUT)
        except grpc.RpcError as error:
            return decode_refusal(error)
        raise Mismatch("a call that must be refused was accepted")


def decode_refusal(error):
    trailers = dict(error.trailing_metadata() or [])
    status = status_pb2.Status.FromString(trailers.get("grpc-status-details-bin", b""))
    info, violations = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
        if detail.Is(violations.DESCRIPTOR):
            detail.Unpack(violations)
    fields = [violation.field for violation in violations.field_violations]
    return error.code(), info, fields


class Journey:
    def __init__(self, suite):
        self.suite = suite
        self.run = uuid.uuid4().hex[:12]
        self.customers = suite.stub("profile", "customer", "CustomerService")
        self.interactions = suite.stub("interaction", "interaction", "InteractionService")
        self.segments = suite.stub("segmentation", "segment", "SegmentService")
        self.progress = suite.stub("segmentation", "progress", "ProgressService")
        self.surveys = suite.stub("feedback", "survey", "SurveyService")
        self.cases = suite.stub("feedback", "case", "CaseService")

    def go(self):
        self.import_customers()
        customer = self.read_file()
        segment, watch = self.define_segment()
        self.record_purchases(customer)
        self.see_enter(segment, watch, customer)
        self.answer_survey(customer)
        self.close_case(customer)
        self.be_refused()

    def key(self, number):
        types = load("common.v1.customer_key_pb2")
        external = types.ExternalId(namespace="journey", value=f"{self.run}-{number}")
        return types.CustomerKey(external_id=external)

    def import_customers(self):
        types = load("profile.v1.customer_service_pb2")
        rows = ["external_id.journey,given_name,family_name,email,region_code,tags"]
        rows += [
            f"{self.run}-{number},小明{number},王,ming.{self.run}.{number}@example.com,CN,vip;{self.run}"
            for number in range(3)
        ]
        rows.append(f"{self.run}-bad,Nobody,Known,not-an-address,CN,")
        file = ("\r\n".join(rows) + "\r\n").encode()
        header = types.ImportHeader(format=types.IMPORT_FORMAT_CSV)

        def requests():
            yield types.ImportCustomersRequest(header=header)
            middle = len(file) // 2
            yield types.ImportCustomersRequest(chunk=file[:middle])
            yield types.ImportCustomersRequest(chunk=file[middle:])

        answers = list(self.suite.ask(self.customers.ImportCustomers, requests()))
        errors = [answer.row_error for answer in answers if answer.HasField("row_error")]
        summary = answers[-1].summary
        expect("import: rows read", summary.row_count, 4)
        expect("import: customers made", summary.created_count, 3)
        expect("import: row and column of the bad e-mail", [(e.row, e.column) for e in errors], [(4, "email")])
        self.cursor = summary.cursor

    def read_file(self):
        types = load("profile.v1.customer_service_pb2")
        keys = [self.key(0), self.key("nobody")]
        found = self.suite.ask(self.customers.LookupCustomers, types.LookupCustomersRequest(keys=keys))
        expect("lookup: a miss is an empty name", found.results[1].customer, "")
        name = found.results[0].customer
        customer = self.suite.ask(self.customers.GetCustomer, types.GetCustomerRequest(name=name))
        expect("file: name", customer.name, name)
        expect("file: given name", customer.given_name, "小明0")
        expect("file: e-mail", customer.contact_points[0].value, f"ming.{self.run}.0@example.com")
        expect("file: tags", sorted(customer.tags), sorted(["vip", self.run]))
        return name

    def define_segment(self):
        types = load("segmentation.v1.segment_service_pb2")
        segment = load("segmentation.v1.segment_pb2").Segment(
            display_name=f"Journey {self.run}",
            rule=f'tags:"{self.run}" AND count(purchase) >= 2 AND sum(purchase.amount, "USD") >= 50',
        )
        request = types.CreateSegmentRequest(segment=segment, request_id=str(uuid.uuid4()))
        made = self.suite.ask(self.segments.CreateSegment, request)
        again = self.suite.ask(self.segments.CreateSegment, request)
        expect("segment: the same request id gives the same answer", again.name, made.name)
        self.await_progress(profile=self.cursor)
        request = types.WatchMembershipsRequest(include_snapshot=True, segment=made.name)
        watch = self.suite.ask(self.segments.WatchMemberships, request)
        watch.initial_metadata()
        return made.name, watch

    def await_progress(self, **cursors):
        types = load("segmentation.v1.progress_service_pb2")
        self.suite.ask(self.progress.AwaitProgress, types.AwaitProgressRequest(cursors=cursors))

    def purchase(self, event, cents):
        types = load("interaction.v1.interaction_pb2")
        money = load("common.v1.value_pb2").Money(
            currency_code="USD", units=cents // 100, nanos=cents % 100 * 10_000_000
        )
        return types.Interaction(
            source="journey",
            event_id=f"{self.run}-{event}",
            kind=types.INTERACTION_KIND_PURCHASE,
            occur_time=Timestamp(seconds=1_760_000_000 + event),
            purchase=types.Purchase(amount=money, quantity=1),
        )

    def record_purchases(self, customer):
        types = load("interaction.v1.interaction_service_pb2")
        request = types.RecordInteractionRequest(
            interaction=self.purchase(0, 2933), customer_key=self.key(0), request_id=str(uuid.uuid4())
        )
        recorded = self.suite.ask(self.interactions.RecordInteraction, request)
        expect("purchase: found by external id", recorded.interaction.customer, customer)

        def stream():
            for position, event in [(1, 1), (2, 1), (3, 2)]:
                yield types.IngestInteractionsRequest(
                    position=position, interaction=self.purchase(event, 2973), customer_key=self.key(0)
                )

        results = [
            result
            for answer in self.suite.ask(self.interactions.IngestInteractions, stream())
            for result in answer.results
        ]
        expect("ingest: every position acknowledged in order", [r.position for r in results], [1, 2, 3])
        # Which of the two came first is the database's to say when they commit at the same time.
        expect("ingest: an event sent twice is one", results[0].name, results[1].name)
        expect("ingest: its duplicate is told", sorted(r.duplicate for r in results), [False, False, True])

        request = types.ListInteractionsRequest(customer=customer, filter="kind = PURCHASE")
        page = self.suite.ask(self.interactions.ListInteractions, request)
        events = [interaction.event_id for interaction in page.interactions]
        expect("timeline: newest first", events, [f"{self.run}-{event}" for event in (2, 1, 0)])
        request = types.GetActivitySummaryRequest(customer=customer)
        summary = self.suite.ask(self.interactions.GetActivitySummary, request)
        totals = [(m.currency_code, m.units, m.nanos) for m in summary.purchase_totals]
        expect("summary: exact total", totals, [("USD", 88, 790_000_000)])

    def see_enter(self, segment, watch, customer):
        types = load("segmentation.v1.segment_service_pb2")
        for message in watch:
            if message.HasField("change"):
                change = message.change
                break
        else:
            raise Mismatch("the watch stream ended without ENTER")
        watch.cancel()
        seen = (change.segment, change.customer, change.transition)
        expect("watch: ENTER", seen, (segment, customer, types.TRANSITION_ENTER))
        request = types.CheckMembershipRequest(customer=customer, segments=[segment])
        checked = self.suite.ask(self.segments.CheckMembership, request)
        expect("membership: checked", [check.member for check in checked.checks], [True])

    def answer_survey(self, customer):
        types = load("feedback.v1.survey_service_pb2")
        nouns = load("feedback.v1.survey_pb2")
        survey = nouns.Survey(
            display_name=f"Journey {self.run}",
            questions=[
                nouns.Question(
                    question_id="recommend",
                    type=nouns.QUESTION_TYPE_NPS,
                    text="How likely are you to recommend us?",
                    required=True,
                ),
                nouns.Question(question_id="why", type=nouns.QUESTION_TYPE_TEXT, text="Why?"),
            ],
        )
        made = self.suite.ask(self.surveys.CreateSurvey, types.CreateSurveyRequest(survey=survey))
        self.suite.ask(self.surveys.PublishSurvey, types.PublishSurveyRequest(name=made.name))
        request = types.CreateInvitationRequest(survey=made.name, customer=customer)
        invitation = self.suite.ask(self.surveys.CreateInvitation, request)
        answers = [
            nouns.Answer(question_id="recommend", score=9),
            nouns.Answer(question_id="why", text="快递很快"),
        ]
        request = types.SubmitResponseRequest(invitation=invitation.name, answers=answers)
        first = self.suite.ask(self.surveys.SubmitResponse, request)
        second = self.suite.ask(self.surveys.SubmitResponse, request)
        expect("survey: submitted twice, answered once", second.name, first.name)
        report = self.suite.ask(self.surveys.GetSurveyReport, types.GetSurveyReportRequest(survey=made.name))
        expect("survey: responses", report.response_count, 1)
        expect("survey: NPS of one promoter", report.questions[0].score, 100.0)

    def close_case(self, customer):
        types = load("feedback.v1.case_service_pb2")
        nouns = load("feedback.v1.case_pb2")
        case = nouns.Case(customer=customer, type=nouns.CASE_TYPE_COMPLAINT, subject="包装破损")
        name = self.suite.ask(self.cases.OpenCase, types.OpenCaseRequest(case=case)).name
        resolve = types.ResolveCaseRequest(name=name, resolution="A new parcel was sent.")
        self.suite.ask(self.cases.ResolveCase, resolve)
        close = types.CloseCaseRequest(name=name)
        code, info, _ = self.suite.refusal(self.cases.CloseCase, close)
        expect("case: not closed unanswered", (code, info.reason), (grpc.StatusCode.FAILED_PRECONDITION, "FAILED_PRECONDITION"))
        reply = types.ReplyToCaseRequest(name=name, text="We are sorry; a new parcel is on its way.")
        self.suite.ask(self.cases.ReplyToCase, reply)
        closed = self.suite.ask(self.cases.CloseCase, close)
        expect("case: closed after the reply", closed.state, nouns.CASE_STATE_CLOSED)

    def be_refused(self):
        types = load("profile.v1.customer_service_pb2")
        nouns = load("profile.v1.customer_pb2")
        bad = nouns.Customer(
            type=nouns.CUSTOMER_TYPE_PERSON,
            display_name="Nobody",
            region_code="China",
            contact_points=[nouns.ContactPoint(type=nouns.CONTACT_POINT_TYPE_EMAIL, value="nobody")],
        )
        request = types.CreateCustomerRequest(customer=bad)
        code, info, fields = self.suite.refusal(self.customers.CreateCustomer, request)
        expect("refused: code", code, grpc.StatusCode.INVALID_ARGUMENT)
        expect("refused: reason and domain", (info.reason, info.domain), ("INVALID_ARGUMENT", "dossier"))
        wanted = ["customer.contact_points[0].value", "customer.region_code"]
        expect("refused: every field at once", sorted(fields), wanted)

        request = types.ListCustomersRequest(filter='shoe_size = "43"')
        code, info, fields = self.suite.refusal(self.customers.ListCustomers, request)
        expect("refused filter: reason", (code, info.reason), (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FILTER"))
        expect("refused filter: field", fields, ["filter"])

        if self.suite.metadata:
            request = types.ListCustomersRequest()
            code, info, _ = self.suite.refusal(self.customers.ListCustomers, request, metadata=[])
            expect("no token", (code, info.reason), (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="127.0.0.1:50050", help="host:port of all four services")
    parser.add_argument("--token", default="", help="what `dossier token` prints")
    for service in SERVICES:
        parser.add_argument(f"--{service}", help=f"host:port of {service}, where it runs by itself")
    options = parser.parse_args()
    addresses = {name: getattr(options, name) or options.address for name in SERVICES}
    with tempfile.TemporaryDirectory() as folder:
        try:
            generate(folder)
            Journey(Suite(addresses, options.token)).go()
        except Mismatch as mismatch:
            sys.exit(f"mismatch: {mismatch}")
        except grpc.RpcError as error:
            _, info, fields = decode_refusal(error)
            sys.exit(f"mismatch: a call failed: {error.code()} {info.reason} {fields}: {error.details()}")
    print("the journey is complete")


if __name__ == "__main__":
    main()
