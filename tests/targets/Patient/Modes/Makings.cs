using System.Collections;
using System.Runtime.CompilerServices;
using System.Text;
using Medic.Targets;

namespace Medic.Targets
{
    /// <summary>Allocates what nobody writes `new` for: boxes, closures, params arrays, strings, state machines, enumerators.</summary>
    sealed class Makings : Mode
    {
        public override void Start() => Run("maker", () =>
        {
            for (; ; Done())
            {
                for (var i = 0; i < 1000; i++)
                    Making.Workshop.All(i);
                Thread.Sleep(1);
            }
        });
    }
}

namespace Making
{
    static class Workshop
    {
        private static readonly List<int> s_parts = [.. Enumerable.Range(0, 20)];
        private static readonly string[] s_words = ["wheels, axles", "springs, screws"];
        private static object? s_last;
        private static long s_sum;

        public static void All(int n)
        {
            Box(n);
            Capture(n);
            Bind();
            Pack(s_words);
            Grow();
            Glue(s_words[n & 1]);
            Fill(s_words[n & 1], n);
            Cut(s_words[n & 1]);
            Build(s_words[n & 1]);
            s_sum += Wait(n).GetAwaiter().GetResult() + Finished(n).Result;
            Walk(s_parts);
            Steps(n);
            Query();
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Box(int n) => s_last = n;

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Capture(int n)
        {
            Func<int, int> add = x => x + n;
            s_last = add;
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Bind()
        {
            Func<int, int> find = s_parts.BinarySearch;
            s_last = find;
        }

        private static void Keep(params object[] all) => s_last = all;

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Pack(object one) => Keep(one, one, one);

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Grow()
        {
            var list = new List<long>();
            for (var i = 0; i < 40; i++)
                list.Add(i);
            var map = new Dictionary<int, int>();
            for (var i = 0; i < 10; i++)
                map[i] = i;
            s_last = (object)list == map ? list : map;
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Glue(string word) => s_last = word + s_words[0];

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Fill(string word, int n) => s_last = string.Format("{0}: {1}", word, n);

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Cut(string word) => s_last = word.Split(',');

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Build(string word)
        {
            var text = new StringBuilder();
            for (var i = 0; i < 10; i++)
                text.Append(word);
            s_last = text;
        }

        private static async Task<int> Wait(int n)
        {
            await Task.Yield();
            return n;
        }

        private static async Task<int> Finished(int n) => n < 0 ? await Task.FromResult(0) : n + 100;

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Walk(IEnumerable all)
        {
            foreach (var one in all)
                s_sum += (int)one!;
        }

        private static IEnumerable<int> Count(int n)
        {
            for (var i = 0; i < 3; i++)
                yield return n + i;
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Steps(int n)
        {
            foreach (var one in Count(n))
                s_sum += one;
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Query() => s_sum += s_parts.Where(x => x > 3).Select(x => x * 2).Sum();
    }
}
