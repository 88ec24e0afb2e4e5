#pragma once
// One question at a time, each answered once.
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "bringup/ssh/client.hpp"

namespace bringup::ssh {

class Prompter {
 public:
  explicit Prompter(Prompts prompts) : prompts_(std::move(prompts)) {}

  // The answer kept under `key`, else the user's. A refusal is kept as well.
  std::optional<Secret> secret(const std::string& key, const std::string& question);
  bool confirm(const std::string& key, const std::string& question);

 private:
  Prompts prompts_;
  std::mutex mutex_;
  std::map<std::string, std::optional<Secret>> secrets_;
  std::map<std::string, bool> confirmed_;
};

}  // namespace bringup::ssh
