package io.github.p3o.spark;

import io.github.p3o.testing.PublicApi;
import org.junit.jupiter.api.Test;

class PublicApiTest {

  @Test
  void publicApi_ofThisModule_isAsListed() throws Exception {
    PublicApi.assertAsListed(SparkP3OTrainer.class);
  }
}
