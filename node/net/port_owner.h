// Who has a port that cannot be had: for the message at start. Reads /proc; takes time in proportion to the
// open sockets and files of the machine, so only for a failure.

#pragma once

#include <string>

#include "common/endpoint.h"
#include "node/net/addresses.h"

namespace shoal::node {

// "opentracker (pid 4242)" for a socket that listens where `address` would: there, or on a wildcard address,
// or anywhere if `address` is one. "a process of user 33" where only root may see which process it is; empty
// if no such socket is found.
std::string port_owner(const common::Endpoint& address, Transport transport);

}  // namespace shoal::node
