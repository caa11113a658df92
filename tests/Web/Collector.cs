using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Osv.Web.Tests;

/// <summary>Takes traces as an OpenTelemetry collector does (OTLP over HTTP, protobuf).</summary>
internal sealed class Collector : IAsyncDisposable
{
    private readonly WebApplication _host;
    private readonly ConcurrentQueue<(byte[] Trace, string Name)> _spans = new();

    private Collector(WebApplication host) => _host = host;

    public string Address => _host.Urls.Single();

    public static async Task<Collector> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        WebApplication host = builder.Build();
        var collector = new Collector(host);
        host.Run(async context =>
        {
            context.Request.Path.Value.ShouldBe("/v1/traces");
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            // ExportTraceServiceRequest.resource_spans(1).scope_spans(2).spans(2): trace_id(1), name(5).
            foreach (byte[] resource in Fields(body.ToArray(), 1))
            {
                foreach (byte[] scope in Fields(resource, 2))
                {
                    foreach (byte[] span in Fields(scope, 2)) collector._spans.Enqueue((Fields(span, 1).Single(), System.Text.Encoding.UTF8.GetString(Fields(span, 5).Single())));
                }
            }
        });
        await host.StartAsync(TestContext.Current.CancellationToken);
        return collector;
    }

    public IReadOnlyList<string> SpansOf(byte[] trace) => [.. _spans.Where(span => span.Trace.AsSpan().SequenceEqual(trace)).Select(span => span.Name)];

    public async ValueTask DisposeAsync() => await _host.DisposeAsync();

    /// <summary>The fields of a protobuf message that have a number and are bytes.</summary>
    private static List<byte[]> Fields(byte[] message, int number)
    {
        var found = new List<byte[]>();
        for (int at = 0; at < message.Length;)
        {
            ulong key = Varint(message, ref at);
            switch (key & 7)
            {
                case 0:
                    Varint(message, ref at);
                    break;
                case 1:
                    at += 8;
                    break;
                case 2:
                    int length = (int)Varint(message, ref at);
                    if ((int)(key >> 3) == number) found.Add(message[at..(at + length)]);
                    at += length;
                    break;
                case 5:
                    at += 4;
                    break;
                default:
                    throw new InvalidDataException($"wire type {key & 7}");
            }
        }
        return found;
    }

    private static ulong Varint(byte[] message, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte part = message[at++];
            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80) return value;
        }
    }
}
