// Declared servers through a real sshd: two nodes of a fleet that are this machine.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <thread>

#include "bringup/run/verify.hpp"
#include "transport/real_sshd.hpp"

#ifdef BRINGUP_GRPC
#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#endif

namespace bringup::ssh::testing {
namespace {

using ::testing::HasSubstr;
using verify::CellStatus;
using verify::ServiceAnswer;

class Quiet final : public plan::Sink {
 public:
  void emit(const plan::Event& /*event*/) override {}
};

// Takes one connection after another, says `greeting` (after the first bytes came, if `waits`), and
// hangs up or holds on.
class Server {
 public:
  enum class Then { hang_up, hold };
  enum class First { speaks, listens };

  Server(std::string says, First first, Then then)
      : says_(std::move(says)), first_(first), then_(then), fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof here;
    if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&here), size) != 0 ||
        ::listen(fd_.get(), 8) != 0 ||
        ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&here), &size) != 0)
      throw std::runtime_error("cannot listen");
    port_ = ntohs(here.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Server() {
    ::shutdown(fd_.get(), SHUT_RDWR);
    thread_.join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void run() {
    std::vector<Fd> held;
    for (;;) {
      Fd one(::accept(fd_.get(), nullptr, nullptr));
      if (!one) return;
      char bytes[512];
      if (first_ == First::listens && ::recv(one.get(), bytes, sizeof bytes, 0) <= 0) continue;
      if (!says_.empty() && ::send(one.get(), says_.data(), says_.size(), MSG_NOSIGNAL) < 0) {
        continue;
      }
      if (then_ == Then::hold) held.push_back(std::move(one));
    }
  }

  std::string says_;
  First first_;
  Then then_;
  Fd fd_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

class Services : public RealSshd {
 protected:
  verify::ServiceCell tried(model::ServiceKind kind, std::uint16_t port,
                            std::uint64_t message_bytes = 0) {
    model::Fleet fleet;
    for (const auto* name : {"alpha", "beta"}) {
      model::Node node;
      node.name = name;
      node.ssh.host = "127.0.0.1";
      node.ssh.port = server().port();
      node.ssh.user = current_user();
      node.ssh.identity_files = {dir_ / "id"};
      node.rank = fleet.nodes.size();
      node.become = model::Become::none;
      fleet.nodes.push_back(node);
    }
    model::Service service;
    service.name = "it";
    service.node = 0;
    service.port = port;
    service.kind = kind;
    service.address = "127.0.0.1";
    service.path = "/health";
    service.message_bytes = message_bytes;
    service.from = {1};
    fleet.services = {service};
    Quiet quiet;
    run::Crew crew(fleet, {0, 1}, client(), quiet, {});
    run::VerifyOptions options;
    options.checks.only = {verify::CheckKind::services};
    const auto matrix = run::verify_links(crew, options).matrix;
    if (matrix.services.size() != 1) throw std::runtime_error("not one cell");
    return matrix.services[0];
  }
  static std::string id(const verify::ServiceCell& cell) {
    return cell.diagnosis ? cell.diagnosis->id : "";
  }
};

constexpr auto kTcp = model::ServiceKind::tcp;
constexpr auto kHttp = model::ServiceKind::http;

TEST_F(Services, TcpConnectsOrIsRefused) {
  const Server open("", Server::First::speaks, Server::Then::hold);
  const auto fine = tried(kTcp, open.port());
  EXPECT_EQ(fine.status, CellStatus::pass) << fine.attempt.text;
  EXPECT_TRUE(fine.attempt.ms);
  const auto closed = tried(kTcp, free_port());
  EXPECT_EQ(closed.attempt.answer, ServiceAnswer::refused);
  EXPECT_EQ(id(closed), "service-not-running") << closed.diagnosis->seen;
}

TEST_F(Services, HttpIsJudgedByItsStatus) {
  const auto answer = [&](const std::string& says) {
    const Server server(says, Server::First::listens, Server::Then::hang_up);
    return tried(kHttp, server.port());
  };
  const auto fine = answer("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(fine.status, CellStatus::pass);
  EXPECT_EQ(fine.attempt.http_status, 204);
  const auto ill = answer("HTTP/1.0 503 Out of breath\r\n\r\n");
  EXPECT_EQ(id(ill), "service-unhealthy");
  EXPECT_THAT(ill.diagnosis->seen, HasSubstr("503 Out of breath"));
  EXPECT_EQ(id(answer("SSH-2.0-other\r\n")), "service-wrong-protocol");
  EXPECT_EQ(id(answer("")), "service-wrong-protocol");
}

TEST_F(Services, HttpThatSaysNothingHangs) {
  const Server silent("", Server::First::listens, Server::Then::hold);
  const auto cell = tried(kHttp, silent.port());
  EXPECT_EQ(id(cell), "service-hung");
}

#ifdef BRINGUP_GRPC
constexpr auto kGrpc = model::ServiceKind::grpc;

struct Health {
  explicit Health(bool with_service = true, int max_message = 4 << 20) {
    grpc::EnableDefaultHealthCheckService(with_service);
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(max_message);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterCallbackGenericService(&others);
    server = builder.BuildAndStart();
    if (!server) throw std::runtime_error("no gRPC server");
  }
  int port = 0;
  grpc::CallbackGenericService others;  // a server must have some service of its own
  std::unique_ptr<grpc::Server> server;
  [[nodiscard]] std::uint16_t at() const { return static_cast<std::uint16_t>(port); }
};

TEST_F(Services, GrpcIsAskedForItsHealth) {
  Health health;
  const auto fine = tried(kGrpc, health.at());
  EXPECT_EQ(fine.status, CellStatus::pass) << fine.attempt.text;
  EXPECT_EQ(fine.attempt.text, "SERVING");
  health.server->GetHealthCheckService()->SetServingStatus(false);
  const auto ill = tried(kGrpc, health.at());
  EXPECT_EQ(id(ill), "service-unhealthy");
  EXPECT_THAT(ill.diagnosis->seen, HasSubstr("NOT_SERVING"));
}

TEST_F(Services, LargeGrpcMessagesArriveOrAreRefusedByTheirReader) {
  const Health small;
  const auto refused = tried(kGrpc, small.at(), 16 << 20);
  EXPECT_EQ(refused.status, CellStatus::pass) << refused.attempt.text;
  EXPECT_TRUE(refused.attempt.large_ms);
  EXPECT_THAT(refused.attempt.text, HasSubstr("RESOURCE_EXHAUSTED"));
  const Health large(true, 64 << 20);
  const auto taken = tried(kGrpc, large.at(), 16 << 20);
  EXPECT_EQ(taken.status, CellStatus::pass) << taken.attempt.text;
  EXPECT_TRUE(taken.attempt.large_ms);
  EXPECT_EQ(taken.attempt.text, "SERVING");
}

TEST_F(Services, GrpcWithoutAHealthServiceIsSaidSo) {
  const Health bare(false);
  EXPECT_EQ(id(tried(kGrpc, bare.at())), "service-no-health");
}

TEST_F(Services, GrpcThatIsNoneIsToldApart) {
  const auto answer = [&](const std::string& says, Server::First first, Server::Then then) {
    const Server server(says, first, then);
    return id(tried(kGrpc, server.port()));
  };
  EXPECT_EQ(answer("", Server::First::listens, Server::Then::hold), "service-hung");
  EXPECT_EQ(
      answer("HTTP/1.1 400 Bad Request\r\n\r\n", Server::First::listens, Server::Then::hang_up),
      "service-wrong-protocol");
  EXPECT_EQ(answer("SSH-2.0-other\r\n", Server::First::speaks, Server::Then::hang_up),
            "service-wrong-protocol");
  EXPECT_EQ(answer("", Server::First::listens, Server::Then::hang_up), "service-wrong-protocol");
  EXPECT_EQ(id(tried(kGrpc, free_port())), "service-not-running");
}
#endif

}  // namespace
}  // namespace bringup::ssh::testing
