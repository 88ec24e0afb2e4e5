#pragma once
// The seam between what is done on nodes and how nodes are reached. Tests put a fake here.
// This room knows hosts, users, keys and channels; it knows nothing of fleets or links.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/util/cancel.hpp"
#include "bringup/util/deadline.hpp"
#include "bringup/util/error.hpp"
#include "bringup/util/fd.hpp"

namespace bringup::ssh {

// One host as its user names it. Members left empty are filled from ~/.ssh/config, then from
// OpenSSH's defaults; members that are set win over both.
struct Endpoint {
  std::string
      name;  // what the user calls it: the alias looked up in ~/.ssh/config, used in messages
  std::string host;  // HostName; empty: from the configuration, else `name`
  std::optional<std::uint16_t> port;
  std::string user;
  std::vector<std::string> identity_files;  // non-empty: only these are offered
  std::string host_key;  // pinned "SHA256:..." fingerprint; empty: the known_hosts files decide
  // Where to connect when the host answers elsewhere than where `host` leads: after its address was
  // changed. Its host key and all else stay what they are for `host`.
  std::string address = {};
};

enum class Reuse {
  hop,    // a node that is a hop of others is served on that one connection
  never,  // a new connection to the node, whatever there is; its hops are shared as ever
};

// Where to go and by which way. `hops` from the controller outwards; empty: ProxyJump of the
// configuration, else direct.
struct Target {
  Endpoint endpoint;
  std::vector<Endpoint> hops;
  Reuse reuse = Reuse::hop;
};

enum class Stream { out, err };

// One command on a node. The remote process leads a process group of its own; on cancellation or
// deadline the group is ended (TERM, then KILL) before exec() returns.
struct ExecRequest {
  std::string command;  // for /bin/sh; "exec sh -s" for scripts on stdin
  std::string input;    // written to its stdin, which is then closed
  // What this descriptor gives (non-blocking, the read end of a pipe) follows `input`, until its
  // end. The caller keeps it until exec() returns. -1: none.
  int live_input = -1;
  std::size_t max_output = 8 * 1024 * 1024;  // bytes kept per stream; more ends the command
  std::size_t max_line_buffer = 64 * 1024;   // reserved for on_output callers
  std::function<void(Stream, std::string_view)>
      on_output;  // called on the worker thread, raw bytes
  Deadline deadline = Deadline::never();
  CancelToken cancel;
};

struct ExecResult {
  int exit_status = -1;  // meaningful when `signal` is empty
  std::string signal;    // "TERM", "KILL"…, when the command died of one
  std::string out;
  std::string err;
  bool truncated = false;  // max_output was reached and the command was ended
};

// An authenticated connection to one node. Thread-safe: commands of several threads run side by
// side, each on a channel of its own.
class Session {
 public:
  virtual ~Session() = default;
  // Fails with unreachable (connection lost, deadline), cancelled, or remote (channel refused).
  // A command that runs and exits non-zero is a result, not a failure.
  virtual Expected<ExecResult> exec(const ExecRequest& request) = 0;
  // Lets the node open a TCP connection to host:port and closes it again. Fails with unreachable
  // (refused there, no route, no answer in time; the message says which), remote (the node's server
  // forwards nothing), cancelled.
  virtual Expected<void> reach(const std::string& host, std::uint16_t port, Deadline deadline,
                               CancelToken cancel) = 0;
  // The same, kept open: a stream socket of this machine (non-blocking) whose other side is that
  // connection. Closing it closes the connection; the session must outlive it.
  virtual Expected<Fd> stream(const std::string& /*host*/, std::uint16_t /*port*/,
                              Deadline /*deadline*/, CancelToken /*cancel*/) {
    return fail(ErrorCode::remote, "this session forwards nothing");
  }
  // Address and port of the node as this session reached it, for messages.
  [[nodiscard]] virtual std::string peer() const = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;
  // Thread-safe. Errors: unreachable (resolution, connect, handshake or hop failed, deadline),
  // unauthorized (host key refused, no identity accepted), cancelled. The message names the host.
  virtual Expected<std::unique_ptr<Session>> connect(const Target& target, Deadline deadline,
                                                     CancelToken cancel) = 0;
};

}  // namespace bringup::ssh
