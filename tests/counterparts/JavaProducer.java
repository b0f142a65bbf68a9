import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Sends the benchmark's events with Java's producer and the settings of the others, and prints what it took.
 *
 * <pre>JavaProducer.java BROKERS TOPIC RECORDS</pre>
 *
 * A tenth of the records is sent before that, so that the code is compiled.
 */
public class JavaProducer {
    record Sent(long id, String customer, String currency, long cents) {}

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final List<Header> HEADERS =
            List.of(new RecordHeader("Event-Type", "OrderCreated".getBytes(StandardCharsets.UTF_8)));

    public static void main(String[] args) throws Exception {
        String topic = args[1];
        long records = Long.parseLong(args[2]);
        Map<String, Object> config = Map.of(
                "bootstrap.servers", args[0],
                "acks", "all",
                "enable.idempotence", true,
                "linger.ms", 5,
                "compression.type", "lz4",
                // librdkafka's default; and about as many records as its queue takes.
                "batch.size", 1_000_000,
                "buffer.memory", 64_000_000L);
        var bytes = new ByteArraySerializer();
        try (var producer = new KafkaProducer<>(config, bytes, bytes)) {
            send(producer, topic, records / 10);
            var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
            long cpu = system.getProcessCpuTime();
            long begun = System.nanoTime();
            send(producer, topic, records);
            double seconds = (System.nanoTime() - begun) / 1e9;
            double cpuSeconds = (system.getProcessCpuTime() - cpu) / 1e9;
            System.out.printf("seconds=%.4f cpu-seconds=%.2f records=%d%n", seconds, cpuSeconds, records);
        }
    }

    private static void send(KafkaProducer<byte[], byte[]> producer, String topic, long records) throws Exception {
        var acknowledged = new AtomicLong();
        for (long n = 0; n < records; n++) {
            var event = new Sent(n, customer(n), "EUR", n % 90_000);
            byte[] key = Long.toString(n).getBytes(StandardCharsets.UTF_8);
            var record = new ProducerRecord<>(topic, null, key, JSON.writeValueAsBytes(event), HEADERS);
            producer.send(record, (metadata, error) -> {
                if (error == null) acknowledged.incrementAndGet();
            });
        }
        producer.flush();
        if (acknowledged.get() != records) throw new IllegalStateException(acknowledged + " acknowledged");
    }

    /** As `format!("customer-{:06}", n % 250_000)`, without the price of `String.format`. */
    private static String customer(long n) {
        String digits = Long.toString(n % 250_000);
        return "customer-" + "000000".substring(digits.length()) + digits;
    }
}
