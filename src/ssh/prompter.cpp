#include "bringup/ssh/prompter.hpp"

namespace bringup::ssh {

std::optional<Secret> Prompter::secret(const std::string& key, const std::string& question) {
  const std::lock_guard lock(mutex_);
  const auto found = secrets_.find(key);
  if (found != secrets_.end()) return found->second;
  std::optional<Secret> answer;
  if (prompts_.secret) answer = prompts_.secret(question);
  return secrets_.emplace(key, std::move(answer)).first->second;
}

bool Prompter::confirm(const std::string& key, const std::string& question) {
  const std::lock_guard lock(mutex_);
  const auto found = confirmed_.find(key);
  if (found != confirmed_.end()) return found->second;
  const bool answer = prompts_.confirm && prompts_.confirm(question);
  return confirmed_.emplace(key, answer).first->second;
}

}  // namespace bringup::ssh
