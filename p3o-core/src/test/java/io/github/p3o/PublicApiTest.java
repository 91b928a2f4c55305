package io.github.p3o;

import io.github.p3o.testing.PublicApi;
import org.junit.jupiter.api.Test;

class PublicApiTest {

  @Test
  void publicApi_ofThisModule_isAsListed() throws Exception {
    PublicApi.assertAsListed(P3OTrainer.class);
  }
}
