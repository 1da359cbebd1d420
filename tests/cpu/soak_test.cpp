#include "soak.hpp"

TEST(Soak, AServersLifeEqualsTheDefinitionAndItsMemoryDoesNotGrow) {
  fulgurite::testing::soak(2, 40);
}
