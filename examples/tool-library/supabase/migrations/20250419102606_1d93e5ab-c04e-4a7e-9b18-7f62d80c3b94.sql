-- Pictures of tools: everyone may look, each neighbour writes into a folder named after their id
INSERT INTO storage.buckets (id, name, public)
VALUES ('tool-pictures', 'tool-pictures', true)
ON CONFLICT (id) DO NOTHING;

CREATE POLICY "Tool pictures are public"
ON storage.objects FOR SELECT
USING (bucket_id = 'tool-pictures');

CREATE POLICY "Owners upload pictures of their tools"
ON storage.objects FOR INSERT TO authenticated
WITH CHECK (bucket_id = 'tool-pictures' AND auth.uid()::text = (storage.foldername(name))[1]);

CREATE POLICY "Owners delete pictures of their tools"
ON storage.objects FOR DELETE TO authenticated
USING (bucket_id = 'tool-pictures' AND auth.uid()::text = (storage.foldername(name))[1]);
