#include "declared.hpp"

namespace bringup::model {

Fleet resolve(const Declared& declared, Collector& problems) {
  Fleet fleet;
  fleet.name = declared.name;
  fleet.source = declared.source;
  fleet.address_pool = declared.address_pool.value;
  fleet.ibv_path = declared.ibv_path;
  fleet.persist = declared.persist;
  resolve_hosts(declared, fleet, problems);
  resolve_wiring(declared, fleet, problems);
  return fleet;
}

}  // namespace bringup::model
