#include "sync/cluster.h"
