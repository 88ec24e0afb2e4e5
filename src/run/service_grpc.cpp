#ifdef BRINGUP_GRPC
// The health check by libgrpc++. Requests are written and answers read by verify/service_try.hpp,
// so that a large one needs no memory of its size, and no generated code.
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <vector>

#include "bringup/util/text.hpp"
#include "service_talk.hpp"

namespace bringup::run {
namespace {

using std::chrono::milliseconds;
using verify::ServiceAnswer;

constexpr std::size_t kPiece = std::size_t{1} << 20U;
constexpr std::size_t kMaxAnswer = 4096;  // bytes of a HealthCheckResponse
constexpr std::chrono::seconds kLargeAtLeast{20};
constexpr std::uint64_t kLargeBytesPerSecond = std::uint64_t{2} << 20U;

// A name of that length, all of it the same letter: one piece of memory stands for all of them.
grpc::ByteBuffer request_of(const std::string& service, std::uint64_t padding) {
  const std::uint64_t length = service.size() + padding;
  if (length == 0) return grpc::ByteBuffer(nullptr, 0);
  std::vector<grpc::Slice> slices;
  slices.emplace_back(verify::health_request_head(length) + service);
  const grpc::Slice piece(
      std::string(static_cast<std::size_t>(std::min<std::uint64_t>(padding, kPiece)), 'x'));
  for (std::uint64_t left = padding; left > 0;) {
    const auto size = std::min<std::uint64_t>(left, piece.size());
    slices.push_back(size == piece.size()
                         ? piece
                         : grpc::Slice(std::string(static_cast<std::size_t>(size), 'x')));
    left -= size;
  }
  return {slices.data(), slices.size()};
}

struct Reply {
  grpc::Status status;
  std::string bytes;
};

Reply call(grpc::GenericStub& stub, const grpc::ByteBuffer& request, Deadline deadline,
           const CancelToken& cancel) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + deadline.remaining());
  const std::stop_callback on_cancel(cancel, [&] { context.TryCancel(); });
  grpc::CompletionQueue queue;
  const auto reader =
      stub.PrepareUnaryCall(&context, std::string(verify::kHealthMethod), request, &queue);
  reader->StartCall();
  Reply reply;
  grpc::ByteBuffer answer;
  void* const tag = &reply;
  reader->Finish(&answer, &reply.status, tag);
  void* done = nullptr;
  bool ok = false;
  queue.Next(&done, &ok);
  queue.Shutdown();
  while (queue.Next(&done, &ok)) {
  }
  std::vector<grpc::Slice> slices;
  if (reply.status.ok() && answer.Length() <= kMaxAnswer && answer.Dump(&slices).ok()) {
    for (const grpc::Slice& slice : slices) {
      reply.bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
  } else if (reply.status.ok() && answer.Length() > kMaxAnswer) {
    reply.status = grpc::Status(grpc::StatusCode::INTERNAL, "its answer is too large");
  }
  return reply;
}

// Of a status that is not OK. A server of another kind shows as a broken transport, or as an answer
// of HTTP/2 that is none of gRPC's.
ServiceAnswer answer_of(const grpc::Status& status) {
  const std::string message = status.error_message();
  const bool foreign = message.find("http2 header") != std::string::npos ||
                       message.find("HTTP status") != std::string::npos;
  switch (status.error_code()) {
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return ServiceAnswer::hung;
    case grpc::StatusCode::CANCELLED:
      return ServiceAnswer::not_tried;
    case grpc::StatusCode::UNIMPLEMENTED:
      return foreign ? ServiceAnswer::wrong_protocol : ServiceAnswer::no_health;
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::FAILED_PRECONDITION:
      return foreign ? ServiceAnswer::wrong_protocol : ServiceAnswer::unhealthy;
    default:
      return ServiceAnswer::wrong_protocol;
  }
}

std::string words_of(const grpc::Status& status) {
  static constexpr const char* kNames[] = {"OK",
                                           "CANCELLED",
                                           "UNKNOWN",
                                           "INVALID_ARGUMENT",
                                           "DEADLINE_EXCEEDED",
                                           "NOT_FOUND",
                                           "ALREADY_EXISTS",
                                           "PERMISSION_DENIED",
                                           "RESOURCE_EXHAUSTED",
                                           "FAILED_PRECONDITION",
                                           "ABORTED",
                                           "OUT_OF_RANGE",
                                           "UNIMPLEMENTED",
                                           "INTERNAL",
                                           "UNAVAILABLE",
                                           "DATA_LOSS",
                                           "UNAUTHENTICATED"};
  const auto code = static_cast<std::size_t>(status.error_code());
  std::string text = code < std::size(kNames) ? kNames[code] : "an unknown status";
  if (!status.error_message().empty()) text += ": " + printable(status.error_message(), 160);
  return text;
}

GrpcSpoken of_reply(const Reply& reply) {
  GrpcSpoken spoken;
  if (!reply.status.ok()) {
    spoken.answer = answer_of(reply.status);
    spoken.text = words_of(reply.status);
    return spoken;
  }
  const auto health = verify::parse_health_response(reply.bytes);
  if (!health) {
    spoken.answer = ServiceAnswer::wrong_protocol;
    spoken.text = health.error().message;
    return spoken;
  }
  spoken.answer = *health == verify::ServingStatus::serving ? ServiceAnswer::answered
                                                            : ServiceAnswer::unhealthy;
  spoken.text = verify::to_string(*health);
  return spoken;
}

// A server answers as soon as it has read how large the request is, or has read it: both show that
// the first full-sized packets came through.
bool arrived(const grpc::Status& status) {
  const auto code = status.error_code();
  return status.ok() || code == grpc::StatusCode::NOT_FOUND ||
         code == grpc::StatusCode::RESOURCE_EXHAUSTED || code == grpc::StatusCode::INVALID_ARGUMENT;
}

}  // namespace

bool has_grpc() {
  return true;
}

GrpcSpoken speak_grpc(Fd stream, const std::string& authority, const std::string& service,
                      std::uint64_t message_bytes, Deadline deadline, const CancelToken& cancel) {
  grpc::ChannelArguments arguments;
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, authority);
  arguments.SetMaxSendMessageSize(-1);
  const auto channel =
      grpc::CreateCustomInsecureChannelFromFd("bringup", stream.release(), arguments);
  grpc::GenericStub stub(channel);
  GrpcSpoken spoken = of_reply(call(stub, request_of(service, 0), deadline, cancel));
  if (spoken.answer != ServiceAnswer::answered || message_bytes == 0) return spoken;

  const auto began = std::chrono::steady_clock::now();
  const auto span = kLargeAtLeast + std::chrono::seconds(message_bytes / kLargeBytesPerSecond);
  const Reply large = call(stub, request_of(service, message_bytes), Deadline::after(span), cancel);
  if (large.status.error_code() == grpc::StatusCode::CANCELLED && cancel.stop_requested()) {
    spoken.answer = ServiceAnswer::not_tried;
    spoken.text = "cancelled";
  } else if (arrived(large.status)) {
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    spoken.large_ms = took.count();
    if (large.status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
      spoken.text += "; the large message was refused: " + words_of(large.status);
    }
  } else {
    spoken.answer = ServiceAnswer::stalled;
    spoken.text = words_of(large.status);
  }
  return spoken;
}

}  // namespace bringup::run
#endif
