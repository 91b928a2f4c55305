package io.github.p3o.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.charset.StandardCharsets;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class ByteTokenizerTest {

  private final Tokenizer tokenizer = Tokenizers.bytes();

  @Test
  void encode_ofText_givesItsBytes() {
    assertThat(tokenizer.encode("Aé")).containsExactly(65, 195, 169);
  }

  @Property(tries = 300)
  void decode_ofEncoded_givesTheTextBack(@ForAll String text) {
    // A half of a surrogate pair has no UTF-8: Java writes "?" for it.
    String valid = new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);

    assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(valid);
  }

  @Test
  void decode_ofBrokenUtf8_putsTheReplacementCharacter() {
    assertThat(tokenizer.decode(65, 195, 66)).isEqualTo("A\uFFFDB");
  }

  @Test
  void decode_ofSpecialTokens_skipsThem() {
    int begin = tokenizer.beginToken().orElseThrow();
    int end = tokenizer.endToken().orElseThrow();

    assertThat(tokenizer.decode(begin, 72, 105, end)).isEqualTo("Hi");
    assertThat(tokenizer.decode()).isEmpty();
  }

  @Test
  void decode_ofAnIdOutsideTheVocabulary_throws() {
    assertThat(tokenizer.vocabularySize()).isEqualTo(258);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> tokenizer.decode(65, 258))
        .withMessage("tokens[1]: expected an id in [0, 258), got 258");
    assertThatIllegalArgumentException().isThrownBy(() -> tokenizer.decode(-1));
  }
}
