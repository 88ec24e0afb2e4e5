#include "bringup/ssh/channel.hpp"

namespace bringup::ssh {
namespace {

RawChannel::Events* events(void* user) {
  return static_cast<RawChannel::Events*>(user);
}

int on_data(ssh_session, ssh_channel, void* data, std::uint32_t size, int is_error, void* user) {
  return events(user)->on_data(static_cast<const char*>(data), size, is_error != 0);
}
void on_eof(ssh_session, ssh_channel, void* user) {
  events(user)->on_eof();
}
void on_close(ssh_session, ssh_channel, void* user) {
  events(user)->on_close();
}
void on_exit_status(ssh_session, ssh_channel, int status, void* user) {
  events(user)->on_exit_status(status);
}
void on_exit_signal(ssh_session, ssh_channel, const char* signal, int, const char*, const char*,
                    void* user) {
  events(user)->on_exit_signal(signal);
}

}  // namespace

RawChannel::RawChannel(Events* user) {
  callbacks_.userdata = user;
  callbacks_.channel_data_function = ssh::on_data;
  callbacks_.channel_eof_function = ssh::on_eof;
  callbacks_.channel_close_function = ssh::on_close;
  callbacks_.channel_exit_status_function = ssh::on_exit_status;
  callbacks_.channel_exit_signal_function = ssh::on_exit_signal;
  ssh_callbacks_init(&callbacks_);
}

bool RawChannel::create(ssh_session session) {
  channel_ = ssh_channel_new(session);
  return channel_ != nullptr && ssh_set_channel_callbacks(channel_, &callbacks_) == SSH_OK;
}

void RawChannel::release() {
  if (channel_ == nullptr) return;
  // libssh keeps the channel until the other side has closed it as well.
  ssh_remove_channel_callbacks(channel_, &callbacks_);
  ssh_channel_free(channel_);
  channel_ = nullptr;
}

}  // namespace bringup::ssh
