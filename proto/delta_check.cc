#include "proto/delta.h"
