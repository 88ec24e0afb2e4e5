#pragma once
#include <memory>

#include "bringup/probe/verbs.hpp"

namespace bringup::probe {

// The system's verbs, loaded at the first call.
std::unique_ptr<Verbs> system_verbs();

}  // namespace bringup::probe
