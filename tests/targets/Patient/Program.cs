// Patient: a program with known illnesses, for the end-to-end tests, the demo and the benches.
//
//     Patient <mode> [arguments] [--gap]
//
// It prints `ready <pid>` (the web mode: `ready <pid> <port>`) once it is warm, then obeys the lines of its stdin:
//     stats     one line of JSON: what the program knows about itself, to compare a report with
//     quit      ends with exit code 0; so does the end of the input
// --gap runs a thread that sleeps 1 ms at a time and keeps the longest gap, which is the pause a user would have felt.
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
    ["web"] = _ => new Web(),
    ["crash"] = _ => new Crash(),
    ["fork"] = _ => new Fork(),
    ["names"] = rest => new Names(stress: rest.Contains("stress")),
    ["frames"] = rest => new Frames(hijack: rest.Contains("hijack")),
    ["cpu"] = rest => new Cpu(rest.Length > 0 ? int.Parse(rest[0]) : Environment.ProcessorCount),
};

if (args.Length == 0 || !modes.TryGetValue(args[0], out var create))
{
    Console.Error.WriteLine($"usage: Patient <{string.Join('|', modes.Keys)}> [arguments] [--gap]");
    return 2;
}

var gap = args.Contains("--gap") ? new GapMeter() : null;
var mode = create(args.Skip(1).Where(a => a != "--gap").ToArray());
mode.Start();
mode.WarmUp();
gap?.Take();
Console.WriteLine($"ready {Environment.ProcessId}{mode.ReadySuffix}");

while (Console.ReadLine() is { } line && line != "quit")
{
    if (line == "stats")
        Console.WriteLine(Stats.Line(mode, gap));
    else
        mode.Command(line);
}
Environment.Exit(0); // the workers of a mode run for ever
return 0;
