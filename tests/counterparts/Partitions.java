import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Sends a record for each key on standard input, which are in hexadecimal, and prints in which partition each was written.
 *
 * <pre>Partitions.java BROKERS TOPIC</pre>
 */
public class Partitions {
    public static void main(String[] args) throws Exception {
        var bytes = new ByteArraySerializer();
        try (var producer = new KafkaProducer<>(Map.of("bootstrap.servers", args[0]), bytes, bytes)) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            var lines = new BufferedReader(new InputStreamReader(System.in));
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                sent.add(producer.send(new ProducerRecord<>(args[1], HexFormat.of().parseHex(line), new byte[0])));
            }
            for (Future<RecordMetadata> future : sent) {
                System.out.println(future.get().partition());
            }
        }
    }
}
