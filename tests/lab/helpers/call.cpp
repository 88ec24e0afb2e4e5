// lab-call SOCKET ARGUMENT...
//
// Has process 1 of the virtual machine run `lab ARGUMENT...` with this program's standard streams,
// folder and environment, and exits with its status. An emulated machine needs seconds to start an
// interpreter; process 1 has it running and forks.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

namespace {

// Its length in decimal, a zero, then: the folder, the number of arguments, the arguments, the
// environment, each ended by a zero.
std::string request(int argc, char** argv, char** environment) {
  char folder[4096];
  std::string body = ::getcwd(folder, sizeof folder) != nullptr ? folder : "/";
  body += '\0';
  body += std::to_string(argc - 2) + '\0';
  for (int k = 2; k < argc; ++k) body += std::string(argv[k]) + '\0';
  for (char** e = environment; *e != nullptr; ++e) body += std::string(*e) + '\0';
  return std::to_string(body.size()) + '\0' + body;
}

// The first bytes carry the three streams.
bool send_all(int fd, std::string text) {
  iovec part{text.data(), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))]{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(3 * sizeof(int));
  const int streams[3] = {0, 1, 2};
  std::memcpy(CMSG_DATA(head), streams, sizeof streams);
  ssize_t sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
  while (sent > 0 && static_cast<std::size_t>(sent) < text.size()) {
    text.erase(0, static_cast<std::size_t>(sent));
    sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
  }
  return sent > 0;
}

}  // namespace

int main(int argc, char** argv, char** environment) {
  if (argc < 3) {
    std::fputs("usage: lab-call SOCKET ARGUMENT...\n", stderr);
    return 2;
  }
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::strncpy(to.sun_path, argv[1], sizeof to.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 ||
      !send_all(fd, request(argc, argv, environment))) {
    std::perror("lab-call");
    return 1;
  }
  unsigned char status = 1;
  return ::recv(fd, &status, 1, 0) == 1 ? status : 1;
}
