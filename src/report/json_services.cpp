#include "json_services.hpp"

#include "json_matrix.hpp"

namespace bringup::report {

Json json_services(const model::Fleet& fleet, const verify::Matrix& matrix) {
  Json list = Json::array();
  for (const auto& cell : matrix.services) {
    const auto& attempt = cell.attempt;
    const model::Service& service = fleet.services[attempt.service];
    list.push_back(
        {{"service", clean(service.name)},
         {"kind", model::to_string(service.kind)},
         {"node", clean(fleet.nodes[service.node].name)},
         {"port", service.port},
         {"from", clean(fleet.nodes[attempt.from].name)},
         {"address", attempt.address.empty() ? Json(nullptr) : Json(clean(attempt.address))},
         {"status", verify::to_string(cell.status)},
         {"answer", verify::to_string(attempt.answer)},
         {"by", verify::to_string(attempt.by)},
         {"ms", nullable(attempt.ms)},
         {"http_status", nullable(attempt.http_status)},
         {"message_bytes", service.message_bytes},
         {"large_ms", nullable(attempt.large_ms)},
         {"text", clean(attempt.text)},
         {"diagnosis", diagnosis_json(cell.diagnosis)}});
  }
  return list;
}

Json json_discovery(const model::Fleet& fleet, const verify::Matrix& matrix) {
  Json list = Json::array();
  for (const auto& cell : matrix.discovery) {
    Json one = {{"from", clean(fleet.nodes[cell.from].name)},
                {"to", clean(fleet.nodes[cell.to].name)},
                {"from_interface", clean(cell.from_interface)},
                {"to_interface", clean(cell.to_interface)},
                {"link", nullptr},
                {"segment", nullptr},
                {"status", verify::to_string(cell.status)}};
    if (cell.link) one["link"] = clean(fleet.link_name(fleet.links[*cell.link]));
    if (cell.segment) one["segment"] = clean(fleet.segments[*cell.segment].name);
    for (std::size_t i = 0; i < cell.heard.size(); ++i) {
      one[std::string(verify::to_string(verify::kCastKinds[i]))] = nullable(cell.heard[i]);
    }
    one["elsewhere"] = Json::array();
    for (const auto& other : cell.elsewhere) one["elsewhere"].push_back(clean(other));
    one["text"] = clean(cell.text);
    one["diagnosis"] = diagnosis_json(cell.diagnosis);
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace bringup::report
