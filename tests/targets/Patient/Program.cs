// Patient: a program with known illnesses, for the end-to-end tests, the demo and the benches.
//
//     Patient <mode> [arguments] [--gap] [--collect] [--blocked N]
//
// It prints `ready <pid>` (the web mode: `ready <pid> <port>`) once it is warm, then obeys the lines of its stdin:
//     stats     one line of JSON: what the program knows about itself, to compare a report with
//     traced    yes or no: whether anybody listens to the runtime's events
//     quit      ends with exit code 0; so does the end of the input
// --gap runs a thread that sleeps 1 ms at a time and keeps the longest gap, which is the pause a user would have felt.
// --collect runs a thread that collects again and again, with a third of a millisecond between two: without it an idle machine's
// other threads come back so seldom that a program stands for ten seconds by itself.
// --blocked runs N threads beside the mode that wait for ever, as those of the mode blocked do.
using System.Diagnostics;
using System.Diagnostics.Tracing;
using System.Globalization;
using Medic.Targets;

var modes = new Dictionary<string, Func<string[], Mode>>
{
    ["healthy"] = _ => new Healthy(),
    ["idle"] = _ => new Idle(),
    ["induced"] = _ => new Induced(blocking: true),
    ["induced-nonblocking"] = _ => new Induced(blocking: false),
    ["churn"] = _ => new Churn(),
    ["bigheap"] = rest => new BigHeap(rest.Length > 0 ? int.Parse(rest[0]) : 3_000_000),
    ["slowsuspend"] = rest => new SlowSuspend(
        how: rest.Length > 0 ? rest[0] : "native",
        milliseconds: rest.Length > 1 ? double.Parse(rest[1]) : 20),
    ["pausemix"] = _ => new PauseMix(),
    ["web"] = rest => new Web(millions: rest.Length > 0 ? double.Parse(rest[0], CultureInfo.InvariantCulture) : 0),
    ["heap"] = Heap.Of,
    ["strings"] = rest => new Strings(healthy: rest.Contains("healthy")),
    ["crash"] = _ => new Crash(),
    ["fork"] = _ => new Fork(),
    ["names"] = rest => new Names(stress: rest.Contains("stress")),
    ["frames"] = rest => new Frames(hijack: rest.Contains("hijack")),
    ["cpu"] = rest => new Cpu(rest.Length > 0 ? int.Parse(rest[0]) : Environment.ProcessorCount),
    ["shares"] = rest => new Shares(rest),
    ["blocked"] = rest => new Blocked(
        count: rest.Length > 0 ? int.Parse(rest[0]) : 50,
        busy: rest.Length > 2 && rest[1] == "busy" ? int.Parse(rest[2]) : 0),
    ["starved"] = _ => new Starved(),
    ["threadchurn"] = rest => new ThreadChurn(microseconds: rest.Length > 0 ? int.Parse(rest[0]) : 5000),
    ["nullrefs"] = _ => new NullRefs(),
    ["forkexec"] = _ => new ForkExec(),
    ["jit"] = _ => new Jit(),
    ["throws"] = rest => new Throws(rest),
    ["mix"] = rest => new Mix(rest),
    ["makings"] = _ => new Makings(),
    ["turns"] = _ => new Turns(),
    ["waits"] = rest => new Waits(rest),
    ["signals"] = rest => new Signals(rest),
};

if (args.Length == 0 || !modes.TryGetValue(args[0], out var create))
{
    Console.Error.WriteLine($"usage: Patient <{string.Join('|', modes.Keys)}> [arguments] [--gap] [--collect] [--blocked N]");
    return 2;
}

var arguments = args.Skip(1).ToList();
var gap = arguments.Remove("--gap") ? new GapMeter() : null;
var collects = arguments.Remove("--collect");
Population? blocked = null;
if (arguments.IndexOf("--blocked") is var at && at >= 0)
{
    blocked = new Population(int.Parse(arguments[at + 1]));
    arguments.RemoveRange(at, 2);
}
var mode = create([.. arguments]);
mode.Start();
mode.WarmUp();
blocked?.Settle();
if (collects)
    new Thread(CollectOnAndOn) { Name = "collect", IsBackground = true }.Start();
gap?.Take();
Console.WriteLine($"ready {Environment.ProcessId}{mode.ReadySuffix}");

while (Console.ReadLine() is { } line && line != "quit")
{
    if (line == "stats")
        Console.WriteLine(Stats.Line(mode, gap));
    else if (line == "traced")
        Console.WriteLine(EventSource.GetSources().Any(s => s.Name == "Microsoft-Windows-DotNETRuntime" && s.IsEnabled()) ? "yes" : "no");
    else
        mode.Command(line);
}
Environment.Exit(0); // the workers of a mode run for ever
return 0;

static void CollectOnAndOn()
{
    for (; ; GC.Collect())
        for (var from = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(from).TotalMicroseconds < 300;)
        {
        }
}
