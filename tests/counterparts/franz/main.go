// Sends the benchmark's events with franz-go and the settings of the others, and prints what it took.
//
//	franz BROKERS TOPIC RECORDS
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type sent struct {
	ID       uint64 `json:"id"`
	Customer string `json:"customer"`
	Currency string `json:"currency"`
	Cents    uint64 `json:"cents"`
}

func main() {
	topic := os.Args[2]
	records, err := strconv.ParseUint(os.Args[3], 10, 64)
	check(err)
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(os.Args[1], ",")...),
		// All in-sync replicas and idempotence are its defaults, and so is Java's partitioner.
		kgo.ProducerLinger(5*time.Millisecond),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()),
		kgo.ProducerBatchMaxBytes(1_000_000),
		kgo.MaxBufferedRecords(100_000),
	)
	check(err)
	defer client.Close()
	send(client, topic, 1)
	cpu, begun := cpuSeconds(), time.Now()
	send(client, topic, records)
	fmt.Printf("seconds=%.4f cpu-seconds=%.2f records=%d\n", time.Since(begun).Seconds(), cpuSeconds()-cpu, records)
}

func send(client *kgo.Client, topic string, records uint64) {
	var acknowledged atomic.Uint64
	headers := []kgo.RecordHeader{{Key: "Event-Type", Value: []byte("OrderCreated")}}
	for n := range records {
		event := sent{ID: n, Customer: customer(n), Currency: "EUR", Cents: n % 90_000}
		value, err := json.Marshal(event)
		check(err)
		record := &kgo.Record{Topic: topic, Key: strconv.AppendUint(nil, n, 10), Value: value, Headers: headers}
		client.Produce(context.Background(), record, func(_ *kgo.Record, err error) {
			check(err)
			acknowledged.Add(1)
		})
	}
	check(client.Flush(context.Background()))
	if acknowledged.Load() != records {
		panic(fmt.Sprint(acknowledged.Load(), " acknowledged"))
	}
}

func customer(n uint64) string {
	digits := strconv.FormatUint(n%250_000, 10)
	return "customer-" + "000000"[len(digits):] + digits
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
