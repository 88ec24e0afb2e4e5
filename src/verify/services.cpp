#include "bringup/verify/services.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bringup/topology/routes.hpp"
#include "bringup/util/shell.hpp"
#include "bringup/util/text.hpp"
#include "bringup/verify/diagnoses.hpp"
#include "judged.hpp"
#include "pipeline.hpp"

namespace bringup::verify {
namespace {

constexpr int kConnectSeconds = 5;

bool contains(const std::vector<std::size_t>& list, std::size_t node) {
  return std::find(list.begin(), list.end(), node) != list.end();
}

std::string frame_name(std::size_t index) {
  return fmt::format("nc.{}", index);
}

// "api" as it is named; "studio1:8080 (http)" where the name does not tell what it is.
std::string name_of(const model::Service& service) {
  return fmt::format("{} ({})", printable(service.name, 80), model::to_string(service.kind));
}

struct Context {
  const model::Fleet& fleet;
  const ServiceTry& attempt;
  const ServerSide* server;  // null: not asked

  [[nodiscard]] const model::Service& service() const { return fleet.services[attempt.service]; }
  [[nodiscard]] Diagnosis at_server(std::string_view id, Words words = {}) const {
    const std::string& from = fleet.nodes[attempt.from].name;
    words.emplace_back("service", name_of(service()));
    words.emplace_back("port", std::to_string(service().port));
    words.emplace_back("address", printable(attempt.address, 80));
    words.emplace_back("from", from);
    words.emplace_back("text", attempt.text.empty() ? "no answer" : attempt.text);
    return diagnose(id, fleet.nodes[service().node].name, "", words);
  }
};

bool everywhere(const std::string& address) {
  return address == "0.0.0.0" || address == "*" || address == "::";
}

std::string without_zone(const std::string& address) {
  return address.substr(0, address.find('%'));
}

// There was no connection: does the server listen where it is looked for?
Diagnosis unconnected(const Context& c) {
  const bool refused = c.attempt.answer == ServiceAnswer::refused;
  const Firewall firewall = c.server == nullptr ? Firewall{} : c.server->firewall;
  if (c.server != nullptr && c.server->listeners) {
    std::set<std::string> have;
    bool right = false;
    for (const Listener& one : *c.server->listeners) {
      if (one.port != c.service().port) continue;
      have.insert(one.address);
      right = right || everywhere(one.address) ||
              without_zone(one.address) == without_zone(c.attempt.address);
    }
    if (have.empty()) return c.at_server("service-not-running");
    if (!right) {
      const std::string all = join({have.begin(), have.end()}, ", ");
      return c.at_server("service-wrong-address", {{"have", printable(all, 120)}});
    }
    if (!refused) {
      return c.at_server("service-filtered",
                         {{"firewall", firewall.text}, {"rules", firewall.rules}});
    }
  }
  return c.at_server(refused ? "service-refused" : "service-silent", {{"firewall", firewall.text}});
}

std::optional<Diagnosis> diagnosis_of(const Context& c) {
  switch (c.attempt.answer) {
    case ServiceAnswer::answered:
    case ServiceAnswer::not_tried:
    case ServiceAnswer::no_session:
      return std::nullopt;
    case ServiceAnswer::refused:
    case ServiceAnswer::silent:
      return unconnected(c);
    case ServiceAnswer::no_route:
      return c.at_server(c.attempt.address.empty() ? "service-no-address" : "service-no-route");
    case ServiceAnswer::hung:
      return c.at_server("service-hung");
    case ServiceAnswer::wrong_protocol:
      return c.at_server("service-wrong-protocol",
                         {{"kind", std::string(model::to_string(c.service().kind))}});
    case ServiceAnswer::unhealthy:
      return c.at_server("service-unhealthy");
    case ServiceAnswer::no_health:
      return c.at_server("service-no-health");
    case ServiceAnswer::stalled:
      return c.at_server("grpc-large-stalls",
                         {{"bytes", std::to_string(c.service().message_bytes)}});
  }
  return std::nullopt;
}

CellStatus status_of(ServiceAnswer answer) {
  switch (answer) {
    case ServiceAnswer::answered:
      return CellStatus::pass;
    case ServiceAnswer::not_tried:
      return CellStatus::untested;
    case ServiceAnswer::no_session:
      return CellStatus::unreachable;
    default:
      return CellStatus::fail;
  }
}

}  // namespace

std::vector<ServiceTry> planned_tries(const model::Fleet& fleet,
                                      const std::vector<std::size_t>& selected) {
  std::vector<ServiceTry> tries;
  for (std::size_t i = 0; i < fleet.services.size(); ++i) {
    const model::Service& service = fleet.services[i];
    if (!contains(selected, service.node)) continue;
    for (const std::size_t from : service.from) {
      if (!contains(selected, from)) continue;
      ServiceTry one;
      one.service = i;
      one.from = from;
      one.address = service.address;
      if (one.address.empty() && from == service.node) one.address = "127.0.0.1";
      if (one.address.empty()) {
        const auto address = topology::address_between(fleet, from, service.node);
        if (address) one.address = address->to_string();
      }
      tries.push_back(std::move(one));
    }
  }
  return tries;
}

std::string service_nc_script(const std::vector<ServiceTry>& tries, const model::Fleet& fleet,
                              std::size_t node, const std::string& nonce, facts::Os os) {
  // The Mac's -w bounds an idle connection, -G its making; others' -w bounds both.
  const std::string nc =
      os == facts::Os::darwin
          ? fmt::format("nc -n -v -z -G {} -w {}", kConnectSeconds, kConnectSeconds)
          : fmt::format("nc -n -v -z -w {}", kConnectSeconds);
  std::vector<std::string> stages;
  for (std::size_t i = 0; i < tries.size(); ++i) {
    if (tries[i].from != node || tries[i].address.empty()) continue;
    stages.push_back(fmt::format("bu_reach {} {} {}", i, shell_quote(tries[i].address),
                                 fleet.services[tries[i].service].port));
  }
  std::string script = facts::frame_functions(nonce);
  if (!stages.empty()) {
    script += kKeepFunctions;
    script += fmt::format(
        "bu_reach() {{\n"
        "  bu_said=$(bu_keep 512 {} {} \"$2\" \"$3\")\n"
        "  cat\n"
        "  bu_part \"nc.$1\" \"$bu_said\"\n"
        "}}\n",
        kConnectSeconds + 1, nc);
    script += pipeline(stages);
  }
  return script + "bu_frame end 0 ''\n";
}

void read_service_nc(const model::Fleet& fleet, const std::vector<facts::Frame>& frames,
                     std::size_t node, std::vector<ServiceTry>& tries) {
  for (std::size_t i = 0; i < tries.size(); ++i) {
    ServiceTry& one = tries[i];
    if (one.from != node || one.address.empty()) continue;
    one.by = ServiceMeans::nc;
    const auto frame = std::find_if(frames.begin(), frames.end(),
                                    [&](const auto& f) { return f.name == frame_name(i); });
    if (frame == frames.end() || frame->exit_status == facts::kStatusNotFound) {
      one.answer = ServiceAnswer::not_tried;
      one.text = frame == frames.end() ? "sshd forwards nothing, and nc gave no answer"
                                       : "sshd forwards nothing, and there is no nc";
      continue;
    }
    const auto text = trim(frame->payload);
    const auto kind = fleet.services[one.service].kind;
    if (frame->exit_status == 0 && kind == model::ServiceKind::tcp) {
      one.answer = ServiceAnswer::answered;
    } else if (frame->exit_status == 0) {
      one.answer = ServiceAnswer::not_tried;
      one.text = fmt::format("sshd forwards nothing: it takes connections, {} was not tried",
                             model::to_string(kind));
    } else {
      const Error said{ErrorCode::unreachable, printable(text, 200), {}};
      one.answer = answer_of(said).value_or(ServiceAnswer::silent);
      one.text = said.message;
    }
  }
}

bool wants_evidence(const ServiceTry& one) {
  return one.answer == ServiceAnswer::refused || one.answer == ServiceAnswer::silent;
}

void judge_services(const model::Fleet& fleet, const std::vector<ServiceTry>& tries,
                    const std::map<std::size_t, ServerSide>& servers, Matrix& matrix) {
  for (const ServiceTry& one : tries) {
    const auto server = servers.find(fleet.services[one.service].node);
    ServiceCell cell;
    cell.attempt = one;
    cell.status = status_of(one.answer);
    cell.diagnosis =
        diagnosis_of({fleet, one, server == servers.end() ? nullptr : &server->second});
    if (cell.diagnosis) {
      add_finding(matrix, finding_of(*cell.diagnosis, plan::Severity::error));
    }
    matrix.services.push_back(std::move(cell));
  }
}

}  // namespace bringup::verify
