#pragma once
// What a verbs call's errno means here, and what to do. One table: shown to the operator, and the
// source of the errno section of the diagnoses' document.
#include <string_view>
#include <vector>

#include "bringup/facts/node_facts.hpp"

namespace bringup::verify {

// One errno by its meaning, as its number differs between systems. `darwin` and `linux_kernel` are
// the numbers there.
struct RdmaErrorRow {
  std::string_view name;  // "EINVAL"
  int darwin = 0;
  int linux_kernel = 0;
  std::string_view verb;  // the calls it is about, by prefix; empty: any other
  std::string_view meaning, cure;
};

const std::vector<RdmaErrorRow>& rdma_error_rows();

struct RdmaMeaning {
  std::string_view meaning, cure;
};

// Never empty: an errno that no row knows gets a general answer.
RdmaMeaning explain_rdma(std::string_view layer, std::string_view verb, int error_number,
                         facts::Os os);

// ETIMEDOUT of the node's system: a peer that may not be ready yet.
bool is_timed_out(int error_number, facts::Os os);

}  // namespace bringup::verify
