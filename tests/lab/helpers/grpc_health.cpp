// lab-grpc ADDRESS:PORT [serving|not-serving]
//
// A gRPC server with nothing but the library's own health service. Prints `ready` when it listens,
// and runs until it is ended (an hour at most).
#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

int main(int count, char** arguments) {
  if (count < 2 || count > 3) {
    std::fputs("usage: lab-grpc ADDRESS:PORT [serving|not-serving]\n", stderr);
    return 2;
  }
  ::alarm(3600);
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(arguments[1], grpc::InsecureServerCredentials(), &port);
  grpc::CallbackGenericService others;  // a server must have some service of its own
  builder.RegisterCallbackGenericService(&others);
  const auto server = builder.BuildAndStart();
  if (!server || port == 0) {
    std::fputs("lab-grpc: cannot listen there\n", stderr);
    return 1;
  }
  const bool serving = count < 3 || std::string_view(arguments[2]) == "serving";
  server->GetHealthCheckService()->SetServingStatus(serving);
  std::puts("ready");
  std::fflush(stdout);
  server->Wait();
}
