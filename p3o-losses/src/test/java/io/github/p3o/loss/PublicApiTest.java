package io.github.p3o.loss;

import io.github.p3o.testing.PublicApi;
import org.junit.jupiter.api.Test;

class PublicApiTest {

  @Test
  void publicApi_ofThisModule_isAsListed() throws Exception {
    PublicApi.assertAsListed(P3OLoss.class);
  }
}
